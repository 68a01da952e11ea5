//! The charge of an entry: the bytes that it takes in the file.
//!
//! The charge depends on which size of the file is bounded. If the file system reports the blocks of a file,
//! an entry is charged for the blocks that it takes. Otherwise the length of the file is bounded, and the
//! rule is that of all earlier files. The file names the rule of its sums (`"charging"` in its metadata). A
//! file that is moved to a place with the other rule is recounted when it is opened, in one pass over its
//! entries.

/// The rule by which entries are charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Charging {
    /// By the length that they add: whole pages whose sizes are powers of two. A file without the metadata
    /// row has this rule.
    #[default]
    ByLength,
    /// By the blocks that they take, including the free space in the leaves of the tree.
    ByBlocks,
}

const BLOCK: u64 = 4096;
/// Half a page. When charged by length, a larger entry does not share its page.
const SHARED_UP_TO: u64 = 2048;
/// Bytes that redb adds to a small entry in each of its two tables.
const ROW_OVERHEAD: u64 = 16;

impl Charging {
    /// Returns the number of the rule in the metadata.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::ByLength => 0,
            Self::ByBlocks => 1,
        }
    }

    pub(crate) fn of_code(code: u8) -> Option<Self> {
        [Self::ByLength, Self::ByBlocks].into_iter().find(|charging| charging.code() == code)
    }

    /// Returns the charge of an entry, its expiry row included.
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

/// Returns the charge by blocks. A large record takes blocks of its own. Small records share a leaf, which is
/// between half full and full: on average a quarter of it is free, and more if its rows are larger. Both were
/// measured (`docs/adr/0009`).
fn by_blocks(row: u64) -> u64 {
    if row <= SHARED_UP_TO {
        row + row / 4 + row * row / BLOCK
    } else {
        row.div_ceil(BLOCK) * BLOCK / 32 * 31
    }
}

/// Returns the size of the page that holds a record. Several small records share a page; a larger record has
/// a page whose size is a power of two.
pub(crate) fn page_of(key_len: usize, record_len: usize) -> u64 {
    ((key_len + record_len) as u64 + ROW_OVERHEAD).next_power_of_two().max(BLOCK)
}
