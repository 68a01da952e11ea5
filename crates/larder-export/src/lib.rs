//! Exports of larder's caches: a file's entries, to be kept, looked at, or read into another cache.
//!
//! There are two forms of the same content: a binary one ([`binary`]), and JSON lines ([`jsonl`]) for other
//! programs. Both are a sequence of [`Item`]s: a header, keyspaces each before its first entry, entries, and
//! an end with counts and a checksum of all that stands before it. An export without its end is not whole.
//!
//! An export can be read anywhere: its values are not compressed, whatever they are in the cache's file. It
//! says how they were, so that an import can store them so again.
//!
//! Exports of format 1 are read as well: their values are bincode's, and neither schemas, nor fingerprints of
//! values, nor compression were known.
//!
//! Reading is bounded, whatever the bytes: nothing is believed that is longer than it may be, memory is
//! claimed for what has arrived, and an error ends it. The checksum is against accidents, not against
//! forgery; and it comes last, so whoever is to believe all or nothing reads an export twice, first with
//! [`check`].
//!
//! # Examples
//! ```
//! use larder_export::{End, Entry, Form, Header, Item, Keyspace, Reader, Writer};
//!
//! let header = Header { exported_at_ms: 1_700_000_000_000, sequence: 7 };
//! let mut writer = Writer::new(Vec::new(), Form::Binary, header)?;
//! let product = writer.keyspace(&Keyspace {
//!     name: "product".to_owned(),
//!     version: 1,
//!     key_shape: "string".to_owned(),
//!     value_format: 0,
//!     schema: Some("shop".to_owned()),
//!     fingerprint: 0,
//! })?;
//! writer.entry(&Entry {
//!     keyspace: product,
//!     key: b"MTNVTU\0\0".to_vec(),
//!     written_at_ms: 1_700_000_000_000,
//!     expires_at_ms: 1_700_003_600_000,
//!     delete_after_ms: 1_700_003_600_000,
//!     fingerprint: None,
//!     compression: 0,
//!     value: vec![6, b'M', b'T', b'N', b'V', b'T', b'U'],
//! })?;
//! let bytes = writer.finish(Default::default())?;
//!
//! let items: Vec<Item> = Reader::new(&bytes[..])?.collect::<Result<_, _>>()?;
//! assert!(matches!(items.last(), Some(Item::End(End { entries: 1, .. }))));
//! # Ok::<(), larder_export::Error>(())
//! ```

#![forbid(unsafe_code)]

pub mod binary;
mod error;
mod item;
pub mod jsonl;
mod reader;
mod summing;
mod writer;

pub use error::Error;
pub use item::{End, Entry, Header, Item, Keyspace, Skipped};
pub use reader::{Reader, check};
pub use writer::{Form, Writer};

/// The version of the formats. A reader refuses newer ones.
pub const FORMAT: u32 = 2;
/// The most bytes a key has: larder's own limit.
pub const MAX_KEY_LEN: usize = 4096;
/// The most bytes a value has: larder's own limit.
pub const MAX_VALUE_LEN: usize = 64 << 20;
/// The most bytes a keyspace's name has, and that of its schema: larder's own limit.
pub const MAX_NAME_LEN: usize = 255;
/// The most bytes the shape of a keyspace's keys has.
pub const MAX_SHAPE_LEN: usize = 4096;
/// The greatest number that stands for a compression: 0 none, 1 LZ4, 2 Zstandard.
pub const MAX_COMPRESSION: u8 = 2;
/// The most keyspaces an export has.
pub const MAX_KEYSPACES: usize = 65_536;
