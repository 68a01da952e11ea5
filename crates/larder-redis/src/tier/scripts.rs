//! The scripts of the server. Each is one atomic step.
//!
//! A slot holds, by its first byte:
//!
//! | first byte | then |
//! |---|---|
//! | 1 | the generation of the keyspace (8 bytes), and the record |
//! | 2 | the generation of the keyspace (8 bytes), and the token of a lease (16 bytes) |
//!
//! Any other content counts as an empty slot, such as damage or data of another program. Content with another
//! generation than the present generation of the keyspace also counts as an empty slot. A generation is
//! random, and not a counter. A counter that was evicted would restart, and would make old records valid. A
//! missing generation is created again. A slot of another type than a string also counts as empty: `pcall`
//! returns a table for it.
//!
//! A script that only reads, or that removes, works while the server's memory is full.
//!
//! Keys of the slot scripts: 1 the slot, 2 the generation, 3 the fences. The fences of a key are a sorted set
//! of tokens by their deadlines on the server's clock.

use crate::connection::request::Script;

/// First byte of a record.
pub(super) const RECORD: u8 = 1;
/// First byte of a lease marker.
pub(super) const LEASE: u8 = 2;
/// Length of a generation.
pub(super) const GENERATION_LEN: usize = 8;
/// Length of the header before a record.
pub(super) const HEADER_LEN: usize = 1 + GENERATION_LEN;

/// Returns the record of a slot and its remaining time, or nothing.
pub(super) static GET: Script = Script::new(
    "local v = redis.pcall('GET', KEYS[1])
if type(v) ~= 'string' or v:byte(1) ~= 1 or v:sub(2, 9) ~= redis.call('GET', KEYS[2]) then return false end
return {v, redis.call('PTTL', KEYS[1])}",
);

/// Does the same as `GET`, for pairs of a slot and its generation. A pair with the same key twice is a plain
/// slot.
pub(super) static GET_MANY: Script = Script::new(
    "local found = {}
for i = 1, #KEYS, 2 do
  local v = redis.pcall('GET', KEYS[i])
  if type(v) ~= 'string' then v = false end
  if v and KEYS[i] ~= KEYS[i + 1] and (v:byte(1) ~= 1 or v:sub(2, 9) ~= redis.call('GET', KEYS[i + 1])) then v = false end
  found[#found + 1] = v and {v, redis.call('PTTL', KEYS[i])} or false
end
return found",
);

/// Arguments: a generation for a keyspace without one, a token, the length of the lease in ms. Returns the
/// kind of the answer (1 a record, 2 busy, 3 fenced, 4 leased), then the data of this kind.
pub(super) static LEASE_OR_GET: Script = Script::new(
    "local g = redis.call('GET', KEYS[2])
local v = redis.pcall('GET', KEYS[1])
if type(v) == 'string' and g and v:sub(2, 9) == g then
  local kind = v:byte(1)
  if kind == 1 then return {1, v, redis.call('PTTL', KEYS[1])} end
  if kind == 2 then return {2, redis.call('PTTL', KEYS[1])} end
end
local t = redis.call('TIME')
if redis.call('ZCOUNT', KEYS[3], t[1] * 1000 + math.floor(t[2] / 1000), '+inf') > 0 then return {3} end
if not g then
  g = ARGV[1]
  redis.call('SET', KEYS[2], g)
end
redis.call('SET', KEYS[1], '\\2' .. g .. ARGV[2], 'PX', ARGV[3])
return {4, g}",
);

/// Arguments: the lease marker, the record with its header, the time to live in ms or 0. The generation is
/// compared, so a lease does not outlive the removal of its keyspace's entries.
pub(super) static FILL: Script = Script::new(
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[1]:sub(2, 9) then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1",
);

/// Arguments: the lease marker, the length of the lease in ms.
pub(super) static RENEW: Script = Script::new(
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[1]:sub(2, 9) then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])",
);

/// Arguments: a lease marker. If the slot has this lease marker, removes it. Returns whether it was removed.
pub(super) static RELEASE: Script = Script::new(
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])",
);

/// Arguments: a generation for a keyspace without one, the record without its header, the time to live in ms
/// or 0 or `keep`, the condition (`always`, `absent`, `present`, `unchanged`), the expected record.
pub(super) static SET: Script = Script::new(
    "local g = redis.call('GET', KEYS[2])
if ARGV[4] ~= 'always' or ARGV[3] == 'keep' then
  local v = redis.pcall('GET', KEYS[1])
  local live = type(v) == 'string' and g and v:byte(1) == 1 and v:sub(2, 9) == g
  if ARGV[4] == 'absent' and live then return 0 end
  if (ARGV[4] == 'present' or ARGV[3] == 'keep') and not live then return 0 end
  if ARGV[4] == 'unchanged' and not (live and v == '\\1' .. g .. ARGV[5]) then return 0 end
end
if not g then
  g = ARGV[1]
  redis.call('SET', KEYS[2], g)
end
local record = '\\1' .. g .. ARGV[2]
if ARGV[3] == 'keep' then redis.call('SET', KEYS[1], record, 'KEEPTTL')
elseif ARGV[3] == '0' then redis.call('SET', KEYS[1], record)
else redis.call('SET', KEYS[1], record, 'PX', ARGV[3]) end
return 1",
);

/// Writes a plain slot. Arguments: the bytes, the time to live in ms or 0 or `keep`, the condition, the
/// expected bytes.
pub(super) static SET_PLAIN: Script = Script::new(
    "if ARGV[3] ~= 'always' or ARGV[2] == 'keep' then
  local v = redis.call('GET', KEYS[1])
  if ARGV[3] == 'absent' and v then return 0 end
  if (ARGV[3] == 'present' or ARGV[2] == 'keep') and not v then return 0 end
  if ARGV[3] == 'unchanged' and v ~= ARGV[4] then return 0 end
end
if ARGV[2] == 'keep' then redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL')
elseif ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1])
else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1",
);

/// Does the same as `EXPIRE`, for a plain slot.
pub(super) static EXPIRE_PLAIN: Script = Script::new(
    "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[1] == '0' then redis.call('PERSIST', KEYS[1]) elseif ARGV[1] ~= 'keep' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1",
);

/// Arguments: the record without its header.
pub(super) static REMOVE_UNCHANGED: Script = Script::new(
    "local g = redis.call('GET', KEYS[2])
if not g or redis.call('GET', KEYS[1]) ~= '\\1' .. g .. ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])",
);

/// Removes pairs of a slot and its generation, including leases. Returns the number of records among them.
/// The fences of the keys stay.
pub(super) static REMOVE: Script = Script::new(
    "local live = 0
for i = 1, #KEYS, 2 do
  if KEYS[i] == KEYS[i + 1] then live = live + redis.call('UNLINK', KEYS[i])
  else
    local v = redis.pcall('GETRANGE', KEYS[i], 0, 8)
    if type(v) == 'string' and v:byte(1) == 1 and v:sub(2, 9) == redis.call('GET', KEYS[i + 1]) then live = live + 1 end
    redis.call('UNLINK', KEYS[i])
  end
end
return live",
);

/// Arguments: the time to live in ms, or 0 for none.
pub(super) static EXPIRE: Script = Script::new(
    "local v = redis.call('GETRANGE', KEYS[1], 0, 8)
if v:byte(1) ~= 1 or v:sub(2, 9) ~= redis.call('GET', KEYS[2]) then return 0 end
if ARGV[1] == '0' then redis.call('PERSIST', KEYS[1]) elseif ARGV[1] ~= 'keep' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1",
);

/// Returns the remaining time of a record in ms, -1 for a record without an expiry, or -2 for no record.
pub(super) static TTL: Script = Script::new(
    "local v = redis.call('GETRANGE', KEYS[1], 0, 8)
if v:byte(1) ~= 1 or v:sub(2, 9) ~= redis.call('GET', KEYS[2]) then return -2 end
return redis.call('PTTL', KEYS[1])",
);

/// Arguments: a token, the length of the fence in ms. The slot is removed first. This works even when the
/// server's memory is full.
pub(super) static FENCE: Script = Script::new(
    "redis.call('UNLINK', KEYS[1])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
redis.call('ZADD', KEYS[3], now + ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[3]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[3], ARGV[2]) end
return 1",
);

/// Arguments: a token. The slot is removed before the fence.
pub(super) static UNFENCE: Script = Script::new(
    "redis.call('UNLINK', KEYS[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 1",
);

/// Removes a generation, so that all its records count as missing and all its leases are void. Returns the
/// generation. The script needs no memory.
pub(super) static END_GENERATION: Script = Script::new("return redis.call('GETDEL', KEYS[1])");

/// One page of a walk. Keys: the generation. Arguments: the cursor, the pattern, what to do, a generation.
///
/// `list` returns the keys with records. `remove` removes all keys, and counts those with records. `ended`
/// removes all content whose generation is not the present generation, and counts the records of the given
/// generation. `plain` and `remove-plain` are for keyspaces without generations; `any` removes all keys.
pub(super) static WALK: Script = Script::new(
    "local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 500)
local g = KEYS[1] and redis.call('GET', KEYS[1])
local keys, count = {}, 0
for _, k in ipairs(page[2]) do
  if ARGV[3] == 'plain' then keys[#keys + 1] = k
  elseif ARGV[3] == 'remove-plain' then count = count + redis.call('UNLINK', k)
  elseif redis.call('TYPE', k).ok == 'string' then
    local v = redis.call('GETRANGE', k, 0, 8)
    local kind, of = v:byte(1), v:sub(2, 9)
    if ARGV[3] == 'list' then
      if kind == 1 and of == g then keys[#keys + 1] = k end
    elseif ARGV[3] == 'ended' then
      if of ~= g then
        if kind == 1 and of == ARGV[4] then count = count + 1 end
        redis.call('UNLINK', k)
      end
    else
      if kind == 1 and (ARGV[3] == 'any' or of == g) then count = count + 1 end
      redis.call('UNLINK', k)
    end
  elseif ARGV[3] == 'remove' or ARGV[3] == 'any' then redis.call('UNLINK', k) end
end
return {page[1], count, keys}",
);

/// Identifies the data of the server. Keys: the marker. Arguments: the run id and the replication id of the
/// server, whether its data is never older than what it has acknowledged (`1`), a random name, and the name
/// that this client knows of a connection to the same server, or nothing.
///
/// The marker contains the ids of the server that has written the data. If the ids differ, the data may be
/// from an earlier time. Then the data gets a new name, so that every earlier record becomes a miss. With
/// `1`, it keeps its name. The marker is read after it was written. Otherwise the push of the write would
/// make the server forget that this client has read the marker.
pub(super) static IDENTIFY: Script = Script::new(
    "local m = redis.call('GET', KEYS[1])
local run, repl, name
if m then run, repl, name = m:match('^(%w+) (%w+) (%w+)$') end
if name and run == ARGV[1] and repl == ARGV[2] then return name end
if not name and ARGV[5] ~= '' then name = ARGV[5]
elseif not name or ARGV[3] ~= '1' then name = ARGV[4] end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. name)
redis.call('GET', KEYS[1])
return name",
);

/// The scripts that are loaded at the beginning of a connection.
pub(super) static ALL: [&Script; 17] = [
    &GET,
    &GET_MANY,
    &LEASE_OR_GET,
    &FILL,
    &RENEW,
    &RELEASE,
    &SET,
    &SET_PLAIN,
    &EXPIRE_PLAIN,
    &REMOVE_UNCHANGED,
    &REMOVE,
    &EXPIRE,
    &TTL,
    &FENCE,
    &UNFENCE,
    &END_GENERATION,
    &WALK,
];
