//! The charge of an entry: an estimate of the bytes that it takes in the file.
//!
//! If the file system reports the blocks of a file, the capacity limits the blocks. An entry is then charged
//! for the blocks that it takes. Otherwise the capacity limits the length of the file, and an entry is
//! charged by the rule of earlier versions. The file names the rule of its sums (`"charging"` in its
//! metadata). If a file is moved to a file system with the other rule, opening the file computes its charges
//! again, in one pass over its entries.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Charging {
    /// By the length that an entry adds to the file. A large record counts as a page whose size is a power of
    /// two. A file without the metadata row has this rule.
    #[default]
    ByLength,
    /// By the blocks that an entry takes, including its share of the free space in the leaves of the tree.
    ByBlocks,
}

const BLOCK: u64 = 4096;
/// Half a page, in bytes. A larger record has its own page or blocks.
const SHARED_UP_TO: u64 = 2048;
/// Number of bytes that redb adds to a row in each of the two tables.
const ROW_OVERHEAD: u64 = 16;

impl Charging {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::ByLength => 0,
            Self::ByBlocks => 1,
        }
    }

    pub(super) fn of_code(code: u8) -> Option<Self> {
        [Self::ByLength, Self::ByBlocks].into_iter().find(|charging| charging.code() == code)
    }

    /// Returns the charge of an entry in bytes, including its expiry row.
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

/// Returns the charge by blocks, without the expiry row. A large record has its own blocks. Small records
/// share a leaf that is between half full and full, so on average a quarter of it is free. Larger rows leave
/// more of a leaf free. Both rules were measured (`docs/adr/0009`).
fn by_blocks(row: u64) -> u64 {
    if row <= SHARED_UP_TO {
        row + row / 4 + row * row / BLOCK
    } else {
        row.div_ceil(BLOCK) * BLOCK / 32 * 31
    }
}

/// Returns the size of the page that holds a record. Several small records share a page. A larger record has
/// its own page, whose size is a power of two.
pub(crate) fn page_of(key_len: usize, record_len: usize) -> u64 {
    ((key_len + record_len) as u64 + ROW_OVERHEAD).next_power_of_two().max(BLOCK)
}
