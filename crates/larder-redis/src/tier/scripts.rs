//! The scripts on the server. Each of them is one atomic step.
//!
//! The first byte of a slot shows its content:
//!
//! | first byte | then |
//! |---|---|
//! | 1 | the generation of the keyspace (8 bytes), and the record |
//! | 2 | the generation of the keyspace (8 bytes), and the token of a lease (16 bytes) |
//!
//! The scripts treat any other content as empty: damage, or a value that another program has written. They
//! treat a slot with another generation than the keyspace in the same way. A generation is random and not a
//! counter, because a counter that was evicted would start again, and make earlier records valid. A missing
//! generation is replaced by a new one. A slot that is not a string also counts as empty: `pcall` then
//! returns a table. So does a slot that is longer than any record, because its length is checked before its
//! bytes are read.
//!
//! A script that only reads or removes also works while the server's memory is full. So does a script whose
//! first write is a removal, even of a missing key, because the server refuses only the first write of a
//! script.
//!
//! With per-key tracking, a server of version 7.0 records all declared keys of a script at each read within
//! the script. The cost of a script therefore grows with the square of its keys. So a script has at most
//! [`MAX_KEYS`](super::requests::MAX_KEYS) slots, and reads each generation once.
//!
//! The keys of the slot scripts are 1 the slot, 2 the generation, and 3 the fences. The fences of a key are a
//! sorted set of tokens, whose scores are deadlines on the server's clock.

use crate::connection::request::Script;

/// First byte of a record.
pub(crate) const RECORD: u8 = 1;
/// First byte of a lease marker.
pub(crate) const LEASE: u8 = 2;
/// Length of a generation, in bytes.
pub(super) const GENERATION_LEN: usize = 8;
/// Length of the header in front of a record, in bytes.
pub(crate) const HEADER_LEN: usize = 1 + GENERATION_LEN;

/// Maximum length of a slot in bytes: a record of the longest value, with its header. A reply may contain
/// such a string.
#[cfg(test)]
const MAX_SLOT: usize = 80 << 20;
/// Maximum length of all slots in one reply in bytes, if there are several.
#[cfg(test)]
const MAX_ANSWER: usize = 8 << 20;

/// Returns the record of a slot and its remaining time, or false.
pub(super) static GET: Script = Script::new(
    "local len = redis.pcall('STRLEN', KEYS[1])
if type(len) ~= 'number' or len > 83886080 then return false end
local v = redis.pcall('GET', KEYS[1])
if type(v) ~= 'string' or v:byte(1) ~= 1 or v:sub(2, 9) ~= redis.call('GET', KEYS[2]) then return false end
return {v, redis.call('PTTL', KEYS[1])}",
);

/// Does the same as `GET`, for pairs of a slot and its generation. A pair of two equal keys is a plain slot.
/// The result ends before the slot that would make it too large, but always includes the first slot. The
/// caller then requests the rest.
pub(super) static GET_MANY: Script = Script::new(
    "local found, generations, sum = {}, {}, 0
for i = 1, #KEYS, 2 do
  local slot, of = KEYS[i], KEYS[i + 1]
  local len = redis.pcall('STRLEN', slot)
  local v = false
  if type(len) == 'number' and len <= 83886080 then
    if i > 1 and sum + len > 8388608 then break end
    sum = sum + len
    v = redis.call('GET', slot)
  end
  if v and slot ~= of then
    if generations[of] == nil then generations[of] = redis.call('GET', of) end
    if v:byte(1) ~= 1 or v:sub(2, 9) ~= generations[of] then v = false end
  end
  found[#found + 1] = v and {v, redis.call('PTTL', slot)} or false
end
return found",
);

/// Arguments: a new generation if there is none, a token, the duration of the lease in ms. Returns the kind
/// of the result (1 a record, 2 busy, 3 fenced, 4 leased), and its data. A lease marker without an expiry
/// counts as empty. Another program has removed its expiry, so it would bar all loads forever.
pub(super) static LEASE_OR_GET: Script = Script::new(
    "local g = redis.call('GET', KEYS[2])
local len = redis.pcall('STRLEN', KEYS[1])
local v = type(len) == 'number' and len <= 83886080 and redis.pcall('GET', KEYS[1])
if type(v) == 'string' and g and v:sub(2, 9) == g then
  local kind, left = v:byte(1), redis.call('PTTL', KEYS[1])
  if kind == 1 then return {1, v, left} end
  if kind == 2 and left >= 0 then return {2, left} end
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

/// Arguments: the lease marker, the record with its header, the time to live in ms or 0. The script compares
/// the generation, so that no lease is valid after its keyspace was removed.
pub(super) static FILL: Script = Script::new(
    "if redis.pcall('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[1]:sub(2, 9) then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1",
);

/// Arguments: the lease marker, the duration of the lease in ms.
pub(super) static RENEW: Script = Script::new(
    "if redis.pcall('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[1]:sub(2, 9) then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])",
);

/// Argument: a lease marker. Removes the marker if the slot contains it. Returns whether it was removed.
pub(super) static RELEASE: Script = Script::new(
    "if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])",
);

/// Arguments: a new generation if there is none, the record without its header, the time to live in ms or 0
/// or `keep`, the condition (`always`, `absent`, `present`, `unchanged`, `unfenced`, or `unknown`, which
/// stores nothing), and the expected record. Only a script with the condition `unfenced` has the key of the
/// fences.
pub(super) static SET: Script = Script::new(
    "if ARGV[4] == 'unfenced' then
  local t = redis.call('TIME')
  if redis.call('ZCOUNT', KEYS[3], t[1] * 1000 + math.floor(t[2] / 1000), '+inf') > 0 then return 0 end
end
local g = redis.call('GET', KEYS[2])
if ARGV[4] ~= 'always' or ARGV[3] == 'keep' then
  local v = redis.pcall('GET', KEYS[1])
  local live = type(v) == 'string' and g and v:byte(1) == 1 and v:sub(2, 9) == g
  if ARGV[4] == 'unknown' then return 0 end
  if ARGV[4] == 'absent' and live then return 0 end
  if (ARGV[4] == 'present' or ARGV[3] == 'keep') and not live then return 0 end
  if (ARGV[4] == 'unchanged' or ARGV[4] == 'unfenced') and not (live and v == '\\1' .. g .. ARGV[5]) then return 0 end
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

/// Writes a plain slot. Arguments: the bytes, the time to live in ms or 0 or `keep`, the condition, and the
/// expected bytes.
pub(super) static SET_PLAIN: Script = Script::new(
    "if ARGV[3] == 'unfenced' then
  local t = redis.call('TIME')
  if redis.call('ZCOUNT', KEYS[3], t[1] * 1000 + math.floor(t[2] / 1000), '+inf') > 0 then return 0 end
end
if ARGV[3] ~= 'always' or ARGV[2] == 'keep' then
  local v = redis.pcall('GET', KEYS[1])
  if type(v) ~= 'string' then v = false end
  if ARGV[3] == 'unknown' then return 0 end
  if ARGV[3] == 'absent' and v then return 0 end
  if (ARGV[3] == 'present' or ARGV[2] == 'keep') and not v then return 0 end
  if (ARGV[3] == 'unchanged' or ARGV[3] == 'unfenced') and v ~= ARGV[4] then return 0 end
end
if ARGV[2] == 'keep' then redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL')
elseif ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1])
else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1",
);

/// Does the same as `EXPIRE`, for a plain slot.
pub(super) static EXPIRE_PLAIN: Script = Script::new(
    "if redis.call('TYPE', KEYS[1]).ok ~= 'string' then return 0 end
if ARGV[1] == '0' then redis.call('PERSIST', KEYS[1]) elseif ARGV[1] ~= 'keep' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1",
);

/// Argument: the record without its header.
pub(super) static REMOVE_UNCHANGED: Script = Script::new(
    "local g = redis.call('GET', KEYS[2])
if not g or redis.pcall('GET', KEYS[1]) ~= '\\1' .. g .. ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])",
);

/// Prepends the function `is_live` to a script: whether the record in a slot is a live value, and neither
/// an absence nor a value in its grace. `v` has the first 57 bytes of the slot. Byte 19 is 1 in an
/// absence. Bytes 42 to 49 are the expiry, and bytes 50 to 57 are the expiry with the grace. The server
/// keeps the record until the end of the grace. So the value is live while the slot has more time left than
/// the grace.
macro_rules! counting {
    ($script:literal) => {
        concat!(
            "local function is_live(slot, v)
  if #v < 57 then return true end
  if v:byte(19) == 1 then return false end
  local grace = 0
  for i = 42, 49 do grace = grace * 256 + v:byte(i + 8) - v:byte(i) end
  if grace == 0 then return true end
  local left = redis.call('PTTL', slot)
  return left < 0 or left > grace
end
",
            $script
        )
    };
}

/// Removes pairs of a slot and its generation, including leases. Returns the number of live values among
/// them. Does not remove the fences.
pub(super) static REMOVE: Script = Script::new(counting!(
    "local live, generations = 0, {}
for i = 1, #KEYS, 2 do
  local slot, of = KEYS[i], KEYS[i + 1]
  if slot == of then live = live + redis.call('UNLINK', slot)
  else
    if generations[of] == nil then generations[of] = redis.call('GET', of) end
    local v = redis.pcall('GETRANGE', slot, 0, 56)
    local is_record = type(v) == 'string' and v:byte(1) == 1 and v:sub(2, 9) == generations[of]
    if is_record and is_live(slot, v) then live = live + 1 end
    redis.call('UNLINK', slot)
  end
end
return live"
));

/// Argument: the time to live in ms, 0 for no expiry, or `keep`.
pub(super) static EXPIRE: Script = Script::new(
    "local v = redis.pcall('GETRANGE', KEYS[1], 0, 8)
if type(v) ~= 'string' or v:byte(1) ~= 1 or v:sub(2, 9) ~= redis.call('GET', KEYS[2]) then return 0 end
if ARGV[1] == '0' then redis.call('PERSIST', KEYS[1]) elseif ARGV[1] ~= 'keep' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1",
);

/// Returns the remaining time of a record in ms, -1 if the record has no expiry, or -2 if there is no record.
pub(super) static TTL: Script = Script::new(
    "local v = redis.pcall('GETRANGE', KEYS[1], 0, 8)
if type(v) ~= 'string' or v:byte(1) ~= 1 or v:sub(2, 9) ~= redis.call('GET', KEYS[2]) then return -2 end
return redis.call('PTTL', KEYS[1])",
);

/// Does the same as `TTL`, for a plain slot.
pub(super) static TTL_PLAIN: Script = Script::new(
    "if redis.call('TYPE', KEYS[1]).ok ~= 'string' then return -2 end
return redis.call('PTTL', KEYS[1])",
);

/// Arguments: a token, the duration of the fence in ms. Removes the slot, unless the fence of this token has
/// held without interruption. In that case the slot can't contain a lease, and its record comes from a write,
/// not from a load. The first write is a removal, so the script also works when the server's memory is full.
pub(super) static FENCE: Script = Script::new(
    "local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ends = redis.call('ZSCORE', KEYS[3], ARGV[1])
if not ends or tonumber(ends) <= now then redis.call('UNLINK', KEYS[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
redis.call('ZADD', KEYS[3], now + ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[3]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[3], ARGV[2]) end
return 1",
);

/// Argument: a token. Removes the slot before the fence.
pub(super) static UNFENCE: Script = Script::new(
    "redis.call('UNLINK', KEYS[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 1",
);

/// Removes a generation, so that all its records count as missing and all its leases are void. Returns the
/// generation. The script needs no memory.
pub(super) static END_GENERATION: Script = Script::new("return redis.call('GETDEL', KEYS[1])");

/// Returns one page of a walk. Key: the generation. Arguments: the cursor, the pattern, the action, a
/// generation. With the cursor `these`, the page consists of the keys in the arguments after these four.
///
/// - `list` returns the keys with records.
/// - `remove` removes all keys, and counts those with live values.
/// - `ended` removes all keys whose generation is not the current one, and counts live values of the given
///   generation.
/// - `plain` and `remove-plain` do the same as `list` and `remove` for keyspaces without generations.
/// - `any` removes all keys, and counts live values of any generation.
/// - `forget` removes all keys without counting, because a generation may begin like a record.
pub(super) static WALK: Script = Script::new(counting!(
    "local page = {'0', {}}
if ARGV[1] ~= 'these' then page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 500) end
for i = 5, #ARGV do page[2][i - 4] = ARGV[i] end
local g = KEYS[1] and redis.call('GET', KEYS[1])
local keys, count = {}, 0
for _, k in ipairs(page[2]) do
  if ARGV[3] == 'plain' then keys[#keys + 1] = k
  elseif ARGV[3] == 'forget' then redis.call('UNLINK', k)
  elseif ARGV[3] == 'remove-plain' then count = count + redis.call('UNLINK', k)
  elseif redis.call('TYPE', k).ok == 'string' then
    local v = redis.call('GETRANGE', k, 0, 56)
    local kind, of = v:byte(1), v:sub(2, 9)
    if ARGV[3] == 'list' then
      if kind == 1 and of == g then keys[#keys + 1] = k end
    elseif ARGV[3] == 'ended' then
      if of ~= g then
        if kind == 1 and of == ARGV[4] and is_live(k, v) then count = count + 1 end
        redis.call('UNLINK', k)
      end
    else
      if kind == 1 and (ARGV[3] == 'any' or of == g) and is_live(k, v) then count = count + 1 end
      redis.call('UNLINK', k)
    end
  elseif ARGV[3] == 'remove' or ARGV[3] == 'any' then redis.call('UNLINK', k) end
end
return {page[1], count, keys}"
));

/// Identifies the data. Key: the marker. Arguments:
///
/// 1. The run id of the server.
/// 2. The replication id of the server.
/// 3. `1` if the server never loses an acknowledged change.
/// 4. A random name.
/// 5. The name that this client knows from an earlier connection to the same server, or nothing.
/// 6. The names of data that this client has used and left, one per argument.
///
/// The marker contains the ids of the server that wrote the data. If the ids differ, the data may be older.
/// Unless argument 3 is `1`, the data then gets a new name, so that all earlier records have another name.
/// The script reads the marker again after writing it. Otherwise the push for the write would end the
/// tracking of the marker for this client.
///
/// A name that this client has left belongs to a former master, which still has entries that were removed on
/// another master meanwhile. So this data also gets a new name.
///
/// The marker is removed before it is set, so that the script also works when the server's memory is full.
pub(super) static IDENTIFY: Script = Script::new(
    "local m = redis.pcall('GET', KEYS[1])
local run, repl, name
if type(m) == 'string' then run, repl, name = m:match('^(%w+) (%w+) (%w+)$') end
local left = false
for i = 6, #ARGV do left = left or name == ARGV[i] end
if name and not left and run == ARGV[1] and repl == ARGV[2] then return name end
if not name and ARGV[5] ~= '' then name = ARGV[5]
elseif not name or left or ARGV[3] ~= '1' then name = ARGV[4] end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. name)
redis.call('GET', KEYS[1])
return name",
);

/// The scripts that are loaded at the start of a connection.
pub(super) static ALL: [&Script; 18] = [
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
    &TTL_PLAIN,
    &FENCE,
    &UNFENCE,
    &END_GENERATION,
    &WALK,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::parser::ReplyLimits;

    #[test]
    fn the_limits_in_the_scripts_are_those_of_a_reply() {
        let limits = ReplyLimits::default();
        assert!(MAX_SLOT <= limits.bytes_len && MAX_SLOT + MAX_ANSWER < limits.reply_len);
        for script in [&GET, &GET_MANY, &LEASE_OR_GET] {
            assert!(script.text.contains(&format!(" {MAX_SLOT} ")), "{}", script.text);
        }
        assert!(GET_MANY.text.contains(&format!("> {MAX_ANSWER} ")));
    }
}
