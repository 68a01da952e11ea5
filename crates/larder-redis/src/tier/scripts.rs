//! The scripts on the server. Each of them is one atomic step.
//!
//! The first byte of a slot shows its content:
//!
//! | first byte | then |
//! |---|---|
//! | 1 | the generation (8 bytes), and the record |
//! | 2 | the generation (8 bytes), and the token of a lease (16 bytes) |
//! | 3 | the generation (8 bytes), two times (8 bytes each), and a record whose life its uses extend |
//! | 4 | the generation (8 bytes), and the token of a watch mark (16 bytes) |
//!
//! The generation is that of the keyspace, or that of the [range](super::ranges) of the slot, if the keyspace
//! has ranges. The two times are when the record was stored, and when its life ends at the latest, or 0 for
//! no limit. They are big endian, in ms of the server's clock. The record itself has the times of the machine
//! that wrote it, and its uses do not change its bytes. So without the two times, no client could tell how
//! old the record is.
//!
//! Most scripts treat a watch mark as an empty slot. So a mark ends with the next change of its slot. Only
//! [`commits`] reads it.
//!
//! The scripts treat any other content as empty: damage, or a value that another program has written. They
//! treat a slot in the same way if its generation is not the current one. A generation is random and not a
//! counter, because a counter that was evicted would start again, and make earlier records valid. A missing
//! generation is replaced by a new one. A slot that is not a string also counts as empty: `pcall` then
//! returns a table. Lookups, transactions and watches also treat a slot that is longer than any record as
//! empty: they check its length before they read its bytes.
//!
//! A script that only reads or removes also works while the server's memory is full. So does a script whose
//! first write is a removal, even of a missing key, because the server refuses only the first write of a
//! script.
//!
//! With per-key tracking, a server of version 7.0 records all declared keys of a script at each read within
//! the script. The cost of a script therefore grows with the square of its keys. So a script has at most
//! [`MAX_KEYS`](super::requests::MAX_KEYS) slots, and looks for the generation of each keyspace or range
//! once.
//!
//! The keys of the slot scripts are 1 the slot, 2 the generation, and 3 the fences. If the slot belongs to a
//! [range](super::ranges), the last argument is the key of the range's generation, and `GET` and
//! `LEASE_OR_GET` also have the signal of the range as their last key. The fences of a key are a sorted set
//! of tokens, whose scores are deadlines on the server's clock.

use crate::connection::request::Script;

/// First byte of a record.
pub(crate) const RECORD: u8 = 1;
/// First byte of a lease marker.
pub(crate) const LEASE: u8 = 2;
/// First byte of a watch mark.
pub(crate) const MARK: u8 = 4;
/// Length of a generation, in bytes.
pub(super) const GENERATION_LEN: usize = 8;
/// First byte of a record whose life its uses extend.
pub(crate) const TIMED_RECORD: u8 = 3;
/// Length of the header in front of a record, in bytes.
pub(crate) const HEADER_LEN: usize = 1 + GENERATION_LEN;
/// Length of the header in front of a record whose life its uses extend.
pub(crate) const TIMED_HEADER_LEN: usize = HEADER_LEN + 16;

/// Returns the length of the header in front of the record in a slot, or `None` if the slot has no record.
pub(crate) fn header_len(slot: &[u8]) -> Option<usize> {
    match slot.first() {
        Some(&RECORD) => Some(HEADER_LEN),
        Some(&TIMED_RECORD) => Some(TIMED_HEADER_LEN),
        _ => None,
    }
    .filter(|len| *len <= slot.len())
}

/// Maximum length in bytes of a slot that a lookup returns. A record of the longest value is shorter. A reply
/// may contain such a string.
#[cfg(test)]
const MAX_SLOT: usize = 80 << 20;
/// Maximum length of all slots in one reply in bytes, if there are several.
#[cfg(test)]
const MAX_ANSWER: usize = 8 << 20;

#[macro_use]
mod headings;
#[macro_use]
mod removals;
pub(super) mod commits;
pub(super) use commits::{COMMIT, WATCH};
pub(super) use removals::{END_GENERATION, END_RANGE, REMOVE, WALK};

/// Returns the record of a slot and its remaining time, or false. For a record whose life its uses extend,
/// also returns the current time of the server.
pub(super) static GET: Script = Script::new(heading!(
    "local v = slot(KEYS[1])
local h = v and head(v)
if not h or v:sub(2, 9) ~= current(KEYS[2], ARGV[1]) then return false end
if ARGV[1] then redis.call('EXISTS', KEYS[3]) end
return {v, redis.call('PTTL', KEYS[1]), h == 25 and now() or nil}"
));

/// Does the same as `GET`, for pairs of a slot and its generation. A pair of two equal keys is a plain slot.
/// If one of the slots belongs to a range, then each pair is followed by the signal of its range, and there
/// is one argument per slot: the generation of its range, or an empty text. The result ends before the slot
/// that would make it too large, but always includes the first slot. The caller then requests the rest.
pub(super) static GET_MANY: Script = Script::new(heading!(
    "local found, generations, sum, step = {}, {}, 0, #ARGV > 0 and 3 or 2
for i = 1, #KEYS, step do
  local slot, of, range = KEYS[i], KEYS[i + 1], ARGV[(i + 2) / 3]
  if range == '' then range = nil end
  local len = redis.pcall('STRLEN', slot)
  local v = false
  if type(len) == 'number' and len <= 83886080 then
    if i > 1 and sum + len > 8388608 then break end
    sum = sum + len
    v = redis.call('GET', slot)
  end
  local h = v and slot ~= of and head(v)
  if v and slot ~= of then
    local g = generations[range or of]
    if g == nil then g = current(of, range) end
    generations[range or of] = g
    if not h or v:sub(2, 9) ~= g then v = false
    elseif range then redis.call('EXISTS', KEYS[i + 2]) end
  end
  found[#found + 1] = v and {v, redis.call('PTTL', slot), h == 25 and now() or nil} or false
end
return found"
));

/// Arguments: random bytes for missing generations, a token, the duration of the lease in ms. Returns 1 and
/// what `GET` returns; 2 for a busy slot, and the remaining time of its lease; 3 for a fenced slot; or 4 for
/// a new lease, and the generation. A lease marker without an expiry counts as empty. Another program has
/// removed its expiry, so it would bar all loads forever.
pub(super) static LEASE_OR_GET: Script = Script::new(concat!(
    heading!(""),
    storing!(),
    "if ARGV[4] then redis.call('EXISTS', KEYS[4]) end
local g = current(KEYS[2], ARGV[4])
local v = slot(KEYS[1])
if v and g and v:sub(2, 9) == g then
  local h, left = head(v), redis.call('PTTL', KEYS[1])
  if h then return {1, v, left, h == 25 and now() or nil} end
  if v:byte(1) == 2 and left >= 0 then return {2, left} end
end
if redis.call('ZCOUNT', KEYS[3], now(), '+inf') > 0 then return {3} end
if not g then g = anew(KEYS[2], ARGV[4], ARGV[1]) end
redis.call('SET', KEYS[1], '\\2' .. g .. ARGV[2], 'PX', ARGV[3])
return {4, g}"
));

/// Arguments: the lease marker, the record with its header, the time to live in ms or 0. For a record whose
/// life its uses extend, also the longest life in ms, or 0 for no limit. The script compares the generation,
/// so that no lease is valid after its keyspace or its range was removed.
pub(super) static FILL: Script = Script::new(concat!(
    heading!(""),
    storing!(),
    "if slot(KEYS[1]) ~= ARGV[1] or current(KEYS[2], ARGV[5]) ~= ARGV[1]:sub(2, 9) then return 0 end
local record = ARGV[2]
if (ARGV[4] or '') ~= '' then
  local t = now()
  local times = struct.pack('>I8I8', t, ARGV[4] == '0' and 0 or t + ARGV[4])
  record = '\\3' .. record:sub(2, 9) .. times .. record:sub(10)
end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], record) else redis.call('SET', KEYS[1], record, 'PX', ARGV[3]) end
outlive(ARGV[5], ARGV[3])
return 1"
));

/// Arguments: the lease marker, the duration of the lease in ms.
pub(super) static RENEW: Script = Script::new(heading!(
    "if slot(KEYS[1]) ~= ARGV[1] or current(KEYS[2], ARGV[3]) ~= ARGV[1]:sub(2, 9) then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])"
));

/// Argument: a lease marker. Removes the slot if it has this marker. Returns whether the lease was still
/// valid. The script compares the generation, because the result of a load that began before its range was
/// removed must not be shared with callers that came after the removal.
pub(super) static RELEASE: Script = Script::new(heading!(
    "if slot(KEYS[1]) ~= ARGV[1] then return 0 end
local is_valid = current(KEYS[2], ARGV[2]) == ARGV[1]:sub(2, 9)
redis.call('UNLINK', KEYS[1])
return is_valid and 1 or 0"
));

/// Argument: the bytes of a plain slot. Removes the slot if it has exactly these bytes. Returns whether it
/// was removed.
pub(super) static REMOVE_PLAIN_UNCHANGED: Script = Script::new(slots!(
    "if slot(KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])"
));

/// Arguments: random bytes for missing generations, the record without its header, the time to live in ms or
/// 0 or `keep`, the condition (`always`, `absent`, `present`, `unchanged`, `unfenced`, or `unknown`, which
/// stores nothing), and the expected record. Only a script with the condition `unfenced` has the key of the
/// fences. For a record whose life its uses extend, also the longest life in ms, or 0 for no limit, or
/// `keep`; and the part of the time to live that is its grace.
pub(super) static SET: Script = Script::new(concat!(
    reading!(""),
    storing!(),
    "if ARGV[4] == 'unfenced' and redis.call('ZCOUNT', KEYS[3], now(), '+inf') > 0 then return 0 end
local g = current(KEYS[2], ARGV[8])
local keeps, v = ARGV[3] == 'keep' or ARGV[6] == 'keep', false
if ARGV[4] ~= 'always' or keeps then
  v = slot(KEYS[1])
  local h = v and g and v:sub(2, 9) == g and head(v)
  if ARGV[4] == 'unknown' then return 0 end
  if ARGV[4] == 'absent' and h then return 0 end
  if (ARGV[4] == 'present' or keeps) and not h then return 0 end
  if (ARGV[4] == 'unchanged' or ARGV[4] == 'unfenced') and not (h and v:sub(h + 1) == ARGV[5]) then return 0 end
end
local header, life = '\\1', ARGV[3]
local times = ''
if (ARGV[6] or '') ~= '' then
  local t, limit = now(), tonumber(ARGV[6])
  if not limit then
    local left = redis.call('PTTL', KEYS[1])
    if head(v) == 25 then limit = number(v, 18)
    elseif left < 0 then limit = 0
    else limit = t + left - (#v > 56 and grace(v) or 0) end
  elseif limit > 0 then limit = t + limit end
  if limit > 0 then life = math.max(1, math.min(life, limit - t + ARGV[7])) end
  header, times = '\\3', struct.pack('>I8I8', t, limit)
end
if not g then g = anew(KEYS[2], ARGV[8], ARGV[1]) end
local record = header .. g .. times .. ARGV[2]
if life == 'keep' then redis.call('SET', KEYS[1], record, 'KEEPTTL')
elseif life == '0' then redis.call('SET', KEYS[1], record)
else redis.call('SET', KEYS[1], record, 'PX', life) end
if life ~= 'keep' then outlive(ARGV[8], life) end
return 1"
));

/// Writes a plain slot. Arguments: the bytes, the time to live in ms or 0 or `keep`, the condition, and the
/// expected bytes.
pub(super) static SET_PLAIN: Script = Script::new(slots!(
    "if ARGV[3] == 'unfenced' then
  local t = redis.call('TIME')
  if redis.call('ZCOUNT', KEYS[3], t[1] * 1000 + math.floor(t[2] / 1000), '+inf') > 0 then return 0 end
end
if ARGV[3] ~= 'always' or ARGV[2] == 'keep' then
  local v = slot(KEYS[1])
  if ARGV[3] == 'unknown' then return 0 end
  if ARGV[3] == 'absent' and v then return 0 end
  if (ARGV[3] == 'present' or ARGV[2] == 'keep') and not v then return 0 end
  if (ARGV[3] == 'unchanged' or ARGV[3] == 'unfenced') and v ~= ARGV[4] then return 0 end
end
if ARGV[2] == 'keep' then redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL')
elseif ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1])
else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1"
));

/// Does the same as `EXPIRE`, for a plain slot.
pub(super) static EXPIRE_PLAIN: Script = Script::new(
    "if redis.call('TYPE', KEYS[1]).ok ~= 'string' then return 0 end
if ARGV[1] == '0' then redis.call('PERSIST', KEYS[1]) elseif ARGV[1] ~= 'keep' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1",
);

/// Argument: the record without its header.
pub(super) static REMOVE_UNCHANGED: Script = Script::new(heading!(
    "local g, v = current(KEYS[2], ARGV[2]), slot(KEYS[1])
local h = g and v and v:sub(2, 9) == g and head(v)
if not h or v:sub(h + 1) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])"
));

/// Extends the life of a record for a use. Arguments: the mark of the record, and two times in ms: the
/// remaining life must be shorter than the first, and the second is the new life. Bytes 21 to 24 of the
/// record are its mark. Returns whether the life was extended.
pub(super) static EXTEND: Script = Script::new(concat!(
    reading!(""),
    storing!(),
    "local v = redis.pcall('GETRANGE', KEYS[1], 0, 72)
if type(v) ~= 'string' or #v < 73 or head(v) ~= 25 or v:sub(46, 49) ~= ARGV[1] then return 0 end
if v:sub(2, 9) ~= current(KEYS[2], ARGV[4]) then return 0 end
local kept, limit = grace(v), number(v, 18)
local left, life = redis.call('PTTL', KEYS[1]) - kept, tonumber(ARGV[3])
if left <= 0 or left >= tonumber(ARGV[2]) then return 0 end
if limit > 0 then life = math.min(life, limit - now()) end
if life <= left then return 0 end
outlive(ARGV[4], life + kept)
return redis.call('PEXPIRE', KEYS[1], life + kept)"
));

/// Argument: the time to live in ms, 0 for no expiry, or `keep`.
pub(super) static EXPIRE: Script = Script::new(concat!(
    heading!(""),
    storing!(),
    "local v = redis.pcall('GETRANGE', KEYS[1], 0, 24)
if type(v) ~= 'string' or not head(v) or v:sub(2, 9) ~= current(KEYS[2], ARGV[2]) then return 0 end
if ARGV[1] ~= 'keep' then outlive(ARGV[2], ARGV[1]) end
if ARGV[1] == '0' then redis.call('PERSIST', KEYS[1]) elseif ARGV[1] ~= 'keep' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1"
));

/// Returns the remaining time of a record in ms, -1 if the record has no expiry, or -2 if there is no record.
pub(super) static TTL: Script = Script::new(heading!(
    "local v = redis.pcall('GETRANGE', KEYS[1], 0, 24)
if type(v) ~= 'string' or not head(v) or v:sub(2, 9) ~= current(KEYS[2], ARGV[1]) then return -2 end
return redis.call('PTTL', KEYS[1])"
));

/// Does the same as `TTL`, for a plain slot.
pub(super) static TTL_PLAIN: Script = Script::new(
    "if redis.call('TYPE', KEYS[1]).ok ~= 'string' then return -2 end
return redis.call('PTTL', KEYS[1])",
);

/// Arguments: a token, the duration of the fence in ms. Removes the slot, unless the fence of this token has
/// held without interruption. In that case the slot can't contain a lease, and its record comes from a write,
/// not from a load. The first write is a removal, so the script also works when the server's memory is full.
///
/// It is not among the scripts that are loaded, so each request has its text. Otherwise a server that has
/// forgotten only this script would get the request a second time, which could come after [`UNFENCE`].
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

/// The scripts that are loaded at the start of a connection.
pub(super) static ALL: [&Script; 22] = [
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
    &REMOVE_PLAIN_UNCHANGED,
    &EXTEND,
    &REMOVE,
    &EXPIRE,
    &TTL,
    &TTL_PLAIN,
    &UNFENCE,
    &END_GENERATION,
    &END_RANGE,
    &WALK,
    &COMMIT,
    &WATCH,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::parser::ReplyLimits;

    #[test]
    fn the_limits_in_the_scripts_are_those_of_a_reply() {
        let limits = ReplyLimits::default();
        assert!(MAX_SLOT <= limits.bytes_len && MAX_SLOT + MAX_ANSWER < limits.reply_len);
        for script in [&GET, &GET_MANY, &LEASE_OR_GET, &COMMIT, &WATCH] {
            assert!(script.text.contains(&format!(" {MAX_SLOT} ")), "{}", script.text);
        }
        assert!(GET_MANY.text.contains(&format!("> {MAX_ANSWER} ")));
    }

    /// A script that copies a long string of another program would occupy the server.
    #[test]
    fn no_script_copies_a_slot_without_a_check_of_its_length() {
        for script in ALL {
            // In these scripts, the first key is that of a generation.
            let has_generation = [&END_RANGE, &WALK].iter().any(|other| std::ptr::eq(*other, script));
            let copies = script.text.contains("'GET', KEYS[1])");
            assert_eq!(copies, has_generation, "{}", script.text);
        }
    }
}
