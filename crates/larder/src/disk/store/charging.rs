//! What an entry is charged for: the bytes that it takes in the file.
//!
//! How these are counted follows from what is bounded. Where the file system tells the blocks of a file, an
//! entry is charged for the blocks that it takes; elsewhere the file's length is bounded, by the rule of all
//! files before. A file says by which rule its sums were made (`"charging"` in its metadata), and one that
//! comes to a place of the other kind is counted anew when it is opened: one pass over its entries.

/// By which rule entries are charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Charging {
    /// By what they add to the length: whole pages of powers of two. A file without the row of metadata is of
    /// this kind.
    #[default]
    ByLength,
    /// By the blocks that they take, with what is left free in the leaves of the tree.
    ByBlocks,
}

const BLOCK: u64 = 4096;
/// Half a page: by length, a larger entry does not share its page with another.
const SHARED_UP_TO: u64 = 2048;
/// Bytes redb keeps beside a small entry, in its two tables.
const ROW_OVERHEAD: u64 = 16;

impl Charging {
    /// The number in the metadata.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::ByLength => 0,
            Self::ByBlocks => 1,
        }
    }

    pub(crate) fn of_code(code: u8) -> Option<Self> {
        [Self::ByLength, Self::ByBlocks].into_iter().find(|charging| charging.code() == code)
    }

    /// What an entry is charged for, with its expiry row.
    pub(crate) fn charge(self, key_len: usize, record_len: usize) -> u64 {
        let row = (key_len + record_len) as u64 + ROW_OVERHEAD;
        let expiry_row = key_len as u64 + 8 + ROW_OVERHEAD;
        match self {
            Self::ByLength if row <= SHARED_UP_TO => row + expiry_row,
            Self::ByLength => row.next_power_of_two().max(BLOCK) + expiry_row,
            Self::ByBlocks => by_blocks(row) + expiry_row,
        }
    }
}

/// The blocks of a large record. Small ones share a leaf, which stays between half full and full: on average
/// a quarter of it is free, and the more the larger its rows are. Both were measured (`docs/adr/0009`).
fn by_blocks(row: u64) -> u64 {
    if row <= SHARED_UP_TO {
        row + row / 4 + row * row / BLOCK
    } else {
        row.div_ceil(BLOCK) * BLOCK / 32 * 31
    }
}

/// The page that an entry's record stands in: several small ones share one, a larger has one of a power of
/// two.
pub(crate) fn page_of(key_len: usize, record_len: usize) -> u64 {
    ((key_len + record_len) as u64 + ROW_OVERHEAD).next_power_of_two().max(BLOCK)
}
