//! The checksum of an export: the XXH3-64 of the bytes before it.
//!
//! XXH3: Yann Collet, xxHash, <https://github.com/Cyan4973/xxHash>.

use std::io::{self, Write};

use xxhash_rust::xxh3::Xxh3Default;

/// The checksum of all bytes written or read so far.
#[derive(Clone, Default)]
pub(crate) struct Sum(Xxh3Default);

impl std::fmt::Debug for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sum").field(&self.value()).finish()
    }
}

impl Sum {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.digest()
    }
}

/// A writer that adds every byte to a checksum.
#[derive(Debug)]
pub(crate) struct Summing<W> {
    pub(crate) inner: W,
    pub(crate) sum: Sum,
}

impl<W> Summing<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, sum: Sum::default() }
    }
}

impl<W: Write> Summing<W> {
    pub(crate) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.add(bytes);
        self.inner.write_all(bytes)
    }
}
