//! The first bytes of a redb file (redb's design document, "Database file format").

use crate::sys::volume::written::WATCHED_LEN;

pub(crate) const REDB_MAGIC: [u8; 9] = [b'r', b'e', b'd', b'b', 0x1A, 0x0A, 0xA9, 0x0D, 0x0A];
/// Length of the header in bytes, including its two commit slots.
pub(crate) const HEADER_LEN: usize = 320;
const _: () = assert!(HEADER_LEN == WATCHED_LEN);
/// Offset of the byte with the flag [`OPEN_FOR_WRITING`].
const FLAGS_AT: usize = REDB_MAGIC.len();
const OPEN_FOR_WRITING: u8 = 2;

/// Returns whether the header says that a writer has the file open, or has ended without closing it.
pub(crate) fn is_open_for_writing(header: &[u8]) -> bool {
    header.get(FLAGS_AT).is_some_and(|flags| flags & OPEN_FOR_WRITING != 0)
}
