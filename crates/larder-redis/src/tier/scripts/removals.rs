//! The scripts that remove entries, and those that walk over them.

use crate::connection::request::Script;

/// Prepends the function `is_live` to a script: whether the record in a slot is a live value, and neither
/// an absence nor a value in its grace. `v` has the first 73 bytes of the slot. Byte 10 of the record is 1
/// in an absence. The server keeps the record until the end of its grace. So the value is live while the
/// slot has more time left than the grace.
macro_rules! counting {
    ($script:literal) => {
        concat!(
            reading!(
                "local function is_live(slot, v)
  local h = head(v)
  if #v < h + 48 then return true end
  if v:byte(h + 10) == 1 then return false end
  local kept = grace(v)
  if kept == 0 then return true end
  local left = redis.call('PTTL', slot)
  return left < 0 or left > kept
end
"
            ),
            $script
        )
    };
}

/// Removes slots, including slots with a lease. The keys are pairs of a slot and its generation, and a plain
/// slot is given twice. If one of the slots belongs to a range, there is one argument per slot, as in
/// `GET_MANY`. Returns the number of live values in the slots. Does not remove the fences.
pub(in crate::tier) static REMOVE: Script = Script::new(counting!(
    "local live, generations = 0, {}
for i = 1, #KEYS, 2 do
  local slot, of, range = KEYS[i], KEYS[i + 1], ARGV[(i + 1) / 2]
  if range == '' then range = nil end
  if slot == of then live = live + redis.call('UNLINK', slot)
  else
    local g = generations[range or of]
    if g == nil then g = current(of, range) end
    generations[range or of] = g
    local v = redis.pcall('GETRANGE', slot, 0, 72)
    local is_record = type(v) == 'string' and head(v) and v:sub(2, 9) == g
    if is_record and is_live(slot, v) then live = live + 1 end
    redis.call('UNLINK', slot)
  end
end
return live"
));

/// Removes a generation, so that all its records count as missing and all its leases are void. Returns the
/// generation. The script needs no memory.
pub(in crate::tier) static END_GENERATION: Script = Script::new("return redis.call('GETDEL', KEYS[1])");

/// Removes a range, so that all its records count as missing and all its leases are void. Keys: the
/// generation of the keyspace, the generation of the range, and the signal of the range. The signal is
/// pushed, because it is set and removed. The first write is a removal, so the script also works when the
/// server's memory is full. A keyspace whose generation belongs to ranges of another number of parts is
/// removed as a whole, because its records do not have the generation of this range.
///
/// Last key: the marker of the data ([`crate::tier::session`]). Argument: the name of the data that this
/// client knows. Returns 0 if the marker has this name, and 1 otherwise. In the second case, the generation
/// of the keyspace may be another one, which may belong to ranges of another number of parts.
pub(in crate::tier) static END_RANGE: Script = Script::new(
    "redis.call('UNLINK', KEYS[2])
local g = redis.pcall('GET', KEYS[1])
if type(g) ~= 'string' or g:sub(9) ~= KEYS[2]:sub(-1) then redis.call('UNLINK', KEYS[1]) end
redis.call('SET', KEYS[3], '')
redis.call('UNLINK', KEYS[3])
local m = redis.pcall('GET', KEYS[4])
return type(m) == 'string' and m:match('^%w+ %w+ (%w+)$') == ARGV[1] and 0 or 1",
);

/// Returns one page of a walk. Key: the generation. Arguments: the cursor, the pattern, the action, a
/// generation. With the cursor `these`, the page consists of the keys in the arguments after these four. With
/// the cursor `ranged`, each of these keys is followed by the generation of its range.
///
/// - `list` returns the keys with records.
/// - `remove` removes all keys, and counts those with live values.
/// - `ended` removes all keys whose generation is not the current one, and counts live values of the given
///   generation.
/// - `plain` and `remove-plain` do the same as `list` and `remove` for keyspaces without generations.
/// - `any` removes all keys, and counts live values of any generation.
/// - `forget` removes all keys without counting, because a generation may begin like a record.
pub(in crate::tier) static WALK: Script = Script::new(counting!(
    "local page, ranges = {'0', {}}, {}
if ARGV[1] == 'ranged' then
  for i = 5, #ARGV, 2 do
    page[2][#page[2] + 1] = ARGV[i]
    ranges[ARGV[i]] = ARGV[i + 1]
  end
elseif ARGV[1] == 'these' then
  for i = 5, #ARGV do page[2][i - 4] = ARGV[i] end
else page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 500) end
local whole = KEYS[1] and redis.call('GET', KEYS[1])
local function is_ended(k, of)
  local r = ranges[k] and redis.pcall('GET', ranges[k])
  if not r then return of == ARGV[4] end
  return type(r) == 'string' and r == ARGV[4]:sub(1, 8) .. of
end
local keys, count = {}, 0
for _, k in ipairs(page[2]) do
  local g = whole
  if ranges[k] then g = current(KEYS[1], ranges[k]) end
  if ARGV[3] == 'plain' then keys[#keys + 1] = k
  elseif ARGV[3] == 'forget' then redis.call('UNLINK', k)
  elseif ARGV[3] == 'remove-plain' then count = count + redis.call('UNLINK', k)
  elseif redis.call('TYPE', k).ok == 'string' then
    local v = redis.call('GETRANGE', k, 0, 72)
    local is_record, of = head(v), v:sub(2, 9)
    if ARGV[3] == 'list' then
      if is_record and of == g then keys[#keys + 1] = k end
    elseif ARGV[3] == 'ended' then
      if of ~= g then
        if is_record and is_ended(k, of) and is_live(k, v) then count = count + 1 end
        redis.call('UNLINK', k)
      end
    else
      if is_record and (ARGV[3] == 'any' or of == g) and is_live(k, v) then count = count + 1 end
      redis.call('UNLINK', k)
    end
  elseif ARGV[3] ~= 'list' then redis.call('UNLINK', k) end
end
return {page[1], count, keys}"
));
