//! The scripts of transactions and watches.
//!
//! The keys of a transaction are among the arguments, and not declared as keys. Otherwise a server of version
//! 7.0 with per-key tracking would record all of them at each read of the script. The server allows this,
//! because Cluster is not used. The tracking of a key does not depend on these scripts.
//!
//! The user of the connection needs the right to write all keys of the prefix. Otherwise a transaction could
//! fail after its first write. The server does not undo the writes of a script that fails.
//!
//! Every write of a script comes after all of its checks, and after the generations are read. After the first
//! write, a slot of another type must not end the script, so its bytes are read with `redis.pcall`. The
//! server refuses a command within a script for lack of memory only before the first write. So a transaction
//! is made as a whole, or not at all.

use crate::connection::request::Script;

/// Number of bytes at the start of a record that the conditions compare: the header of the cache's record. It
/// has a random number, so no two records have the same header. The length of the record is compared, too.
pub(in crate::tier) const COMPARED_LEN: usize = 48;

/// Makes a transaction. Arguments: random bytes for missing generations, the number of conditions, the
/// conditions, and the changes. Returns whether the conditions hold.
///
/// A condition is the slot, the generation of its keyspace, that of its range or an empty text, the kind, the
/// length, and the bytes. A plain slot is given twice.
///
/// - `absent`: the slot has no record.
/// - `same`: the slot has a record with this length and these first bytes. A plain slot has all of the bytes.
/// - `live`: the same, and the record is a live value.
/// - `watched`: the slot has the length, and begins with the bytes, which include its first byte and the
///   generation.
/// - `watched-live`: the same, and the record is a live value.
/// - `unknown`: never holds.
///
/// A change is the slot, the two generations as in a condition, the time to live in ms or 0 or `keep` or
/// `remove`, the record without its header, and the last two arguments of [`SET`](super::SET), which are
/// empty for a record whose life its uses do not extend. The removals come first, so that a transaction with
/// a removal also works when the server's memory is full.
pub(in crate::tier) static COMMIT: Script = Script::new(concat!(
    counting!(""),
    storing!(),
    "local generations, at = {}, 3
local function generation(of, range)
  local name = range ~= '' and range or of
  if generations[name] == nil then generations[name] = current(of, range) end
  return generations[name]
end
for _ = 1, tonumber(ARGV[2]) do
  local slot, of, range, kind, len, bytes = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], tonumber(ARGV[at + 4]), ARGV[at + 5]
  at = at + 6
  if kind == 'unknown' then return 0 end
  local found, v = redis.pcall('STRLEN', slot), false
  if type(found) == 'number' and found <= 83886080 then
    if slot == of then v = redis.call('GET', slot)
    else
      v = redis.call('GETRANGE', slot, 0, 72)
      if v:sub(2, 9) ~= generation(of, range) then v = false end
    end
  end
  if kind == 'watched' or kind == 'watched-live' then
    if v ~= bytes or found ~= len then return 0 end
  elseif slot == of then
    if kind == 'absent' and v or kind ~= 'absent' and v ~= bytes then return 0 end
  else
    local h = v and head(v)
    if kind == 'absent' then
      if h then return 0 end
    elseif not h or found ~= h + len or v:sub(h + 1, h + 48) ~= bytes then return 0 end
  end
  if (kind == 'live' or kind == 'watched-live') and slot ~= of and not is_live(slot, v) then return 0 end
end
for i = at, #ARGV, 7 do
  if ARGV[i + 3] ~= 'remove' and ARGV[i] ~= ARGV[i + 1] then generation(ARGV[i + 1], ARGV[i + 2]) end
end
for i = at, #ARGV, 7 do
  if ARGV[i + 3] == 'remove' then redis.call('UNLINK', ARGV[i]) end
end
for i = at, #ARGV, 7 do
  local slot, of, range, life, record, longest = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  if life ~= 'remove' then
    if slot ~= of then
      local g = generation(of, range)
      if not g then
        g = anew(of, range, ARGV[1])
        generations[range ~= '' and range or of] = g
      end
      local header, times = '\\1', ''
      if longest ~= '' then
        local t, limit = now(), tonumber(longest)
        if not limit then
          local v, left = redis.pcall('GETRANGE', slot, 0, 72), redis.call('PTTL', slot)
          if type(v) ~= 'string' then v = '' end
          if head(v) == 25 then limit = number(v, 18)
          elseif left < 0 then limit = 0
          else limit = t + left - (#v > 56 and grace(v) or 0) end
        elseif limit > 0 then limit = t + limit end
        if limit > 0 then life = math.max(1, math.min(life, limit - t + ARGV[i + 6])) end
        header, times = '\\3', struct.pack('>I8I8', t, limit)
      end
      record = header .. g .. times .. record
    end
    if life == 'keep' then redis.call('SET', slot, record, 'KEEPTTL')
    elseif life == '0' then redis.call('SET', slot, record)
    else redis.call('SET', slot, record, 'PX', life) end
    if life ~= 'keep' then outlive(range, life) end
  end
end
return 1"
));

/// Returns the content of a slot: `watched-live` or `watched`, the length, and the first bytes. Keys: the
/// slot, the generation. Arguments: random bytes for missing generations, a token, the duration of a mark in
/// ms. An empty slot gets a mark. A mark that is already there is kept at least for this duration. A lease or
/// a mark without an expiry counts as empty, as in `LEASE_OR_GET`.
pub(in crate::tier) static WATCH: Script = Script::new(concat!(
    counting!(""),
    storing!(),
    "local g = current(KEYS[2], ARGV[4])
local len = redis.pcall('STRLEN', KEYS[1])
if g and type(len) == 'number' and len <= 83886080 then
  local v = redis.call('GETRANGE', KEYS[1], 0, 72)
  if v:sub(2, 9) == g then
    local kind, left = v:byte(1), redis.call('PTTL', KEYS[1])
    if head(v) then return {is_live(KEYS[1], v) and 'watched-live' or 'watched', len, v} end
    if kind == 2 and left >= 0 then return {'watched', len, v} end
    if kind == 4 and left >= 0 then
      if left < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
      return {'watched', len, v}
    end
  end
end
if not g then g = anew(KEYS[2], ARGV[4], ARGV[1]) end
local mark = '\\4' .. g .. ARGV[2]
redis.call('SET', KEYS[1], mark, 'PX', ARGV[3])
return {'watched', #mark, mark}"
));
