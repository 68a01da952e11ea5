//! The export formats of larder. An export contains the entries of a cache file, as a backup, for other
//! programs, or to fill another cache.
//!
//! There are two forms with the same content: a binary form ([`binary`]), and JSON lines ([`jsonl`]) for
//! other programs. Each is a sequence of parts: a header, each keyspace before its first entry, the entries,
//! and an end with counts and a checksum of everything before it. An export without its end is incomplete. A
//! [`Reader`] returns the parts after the header as [`Item`]s.
//!
//! Values are not compressed in an export, so that any program can read them. Each entry states the
//! compression of its value in the cache file, so that an import can compress the value again.
//!
//! A reader also accepts exports of format 1. They have no schemas, no fingerprints of values and no
//! compression, and their values are in bincode.
//!
//! Reading is safe for any input: every length has a limit, memory is allocated only for bytes that have
//! arrived, and reading ends at the first error. The checksum detects accidental damage, but not forgery.
//! Because the checksum is at the end, a program that needs either all entries or none must read the export
//! twice, first with [`check`].
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
//!     value: Some(vec![6, b'M', b'T', b'N', b'V', b'T', b'U']),
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
mod limits;
mod reader;
mod summing;
mod writer;

pub use error::Error;
pub use item::{End, Entry, Form, Header, Item, Keyspace, Skipped};
pub use limits::{
    FORMAT, MAX_COMPRESSION, MAX_KEY_LEN, MAX_KEYSPACES, MAX_NAME_LEN, MAX_SHAPE_LEN, MAX_VALUE_LEN,
};
pub use reader::{Reader, check};
pub use writer::Writer;

/// Compiles the example in the package's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
