//! Commands on parts of values. Changing a value keeps its TTL.

use larder::{MAX_VALUE_LEN, Ttl};

use super::errors;
use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::protocol::number::integer;
use crate::protocol::reply::ReplyBuffer;
use crate::session::Command;
use crate::session::entries::{Done, Entries};
use crate::session::flags::{DENYOOM, FAST, READONLY, WRITE};

pub(super) static COMMANDS: &[Command] = family! { "string";
    "append" 3 (WRITE | DENYOOM | FAST) FIRST [entry] append, "Appends a string to the value of a key. Creates the key if it doesn't exist.";
    "getrange" 4 (READONLY) FIRST [value] get_range, "Returns a substring of the string stored at a key.";
    "setrange" 4 (WRITE | DENYOOM) FIRST [entry] set_range, "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.";
    "strlen" 2 (READONLY | FAST) FIRST [value] length, "Returns the length of a string value.";
    "substr" 4 (READONLY) FIRST [value] get_range, "Returns a substring from a string value.";
};

const TOO_LONG: &str = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

/// Maximum length of a value, in bytes. The cache has the same limit.
#[expect(clippy::cast_possible_truncation, reason = "64 MiB")]
const MAX_LEN: usize = MAX_VALUE_LEN.as_u64() as usize;

/// `STRLEN key`
fn length(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let len = entries.get(args.get(1))?.map_or(0, <[u8]>::len);
    reply.count(len as u64);
    Ok(())
}

/// `APPEND key value`
fn append(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let (key, more) = (args.get(1), args.get(2));
    let old = entries.get(key)?;
    let ttl = if old.is_some() { Ttl::Keep } else { Ttl::Never };
    let old = old.unwrap_or_default();
    if old.len() + more.len() > MAX_LEN {
        reply.error(TOO_LONG);
        return Ok(());
    }
    let value = [old, more].concat();
    reply.count(value.len() as u64);
    entries.put(key, value.into(), ttl)
}

/// Runs `GETRANGE key start end` or `SUBSTR`. A negative position counts from the end.
fn get_range(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let (Some(start), Some(end)) = (integer(args.get(2)), integer(args.get(3))) else {
        reply.error(errors::NOT_AN_INTEGER);
        return Ok(());
    };
    let value = entries.get(args.get(1))?.unwrap_or_default();
    reply.bulk(range(value, start, end));
    Ok(())
}

fn range(value: &[u8], start: i64, end: i64) -> &[u8] {
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let len = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let place = |at: i64| if at < 0 { at.saturating_add(len).max(0) } else { at };
    let (start, end) = (place(start), place(end).min(len - 1));
    if start > end {
        return &[];
    }
    let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) else { return &[] };
    value.get(start..=end).unwrap_or_default()
}

/// Runs `SETRANGE key offset value`. A gap is filled with zero bytes.
fn set_range(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let (key, part) = (args.get(1), args.get(3));
    let Some(offset) = integer(args.get(2)) else {
        reply.error(errors::NOT_AN_INTEGER);
        return Ok(());
    };
    let Ok(offset) = usize::try_from(offset) else {
        reply.error("ERR offset is out of range");
        return Ok(());
    };
    let old = entries.get(key)?;
    let ttl = if old.is_some() { Ttl::Keep } else { Ttl::Never };
    let old = old.unwrap_or_default();
    if part.is_empty() {
        reply.count(old.len() as u64);
        return Ok(());
    }
    // The length is checked before memory is allocated.
    let Some(end) = offset.checked_add(part.len()).filter(|end| *end <= MAX_LEN) else {
        reply.error(TOO_LONG);
        return Ok(());
    };
    let mut value = old.to_vec();
    if value.len() < end {
        value.resize(end, 0);
    }
    if let Some(place) = value.get_mut(offset..end) {
        place.copy_from_slice(part);
    }
    reply.count(value.len() as u64);
    entries.put(key, value.into(), ttl)
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn a_range_counts_from_either_end() {
        let cases = [
            (0, -1, "Hello"),
            (0, 1, "He"),
            (-3, -1, "llo"),
            (1, 100, "ello"),
            (3, 2, ""),
            (-1, -3, ""),
            (-100, 0, "H"),
            (5, 10, ""),
            (0, -100, "H"),
            (i64::MIN, i64::MAX, "Hello"),
            (i64::MAX, i64::MIN, ""),
        ];
        for (start, end, expected) in cases {
            assert_eq!(range(b"Hello", start, end), expected.as_bytes(), "{start} {end}");
        }
        assert_eq!(range(b"", 0, -1), b"");
    }
}
