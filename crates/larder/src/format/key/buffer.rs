//! The encoded bytes of a key.

/// Number of bytes that need no allocation. Enough for most keys, including the number of their keyspace.
const INLINE: usize = 64;

/// Holds the bytes of an encoded key.
#[derive(Debug, Clone)]
pub(crate) struct KeyBuffer {
    /// The bytes, while they fit into this array.
    inline: [u8; INLINE],
    len: usize,
    /// All of the bytes, once they do not fit into `inline`.
    spilled: Vec<u8>,
}

impl Default for KeyBuffer {
    fn default() -> Self {
        Self { inline: [0; INLINE], len: 0, spilled: Vec::new() }
    }
}

impl KeyBuffer {
    /// Makes a buffer that starts with the bytes of a keyspace's number. Each key of the keyspace begins with
    /// these bytes.
    pub(crate) fn starting_with(start: &[u8]) -> Self {
        let mut buffer = Self::default();
        buffer.push(start);
        buffer
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        if self.spilled.is_empty() { self.inline.get(..self.len).unwrap_or_default() } else { &self.spilled }
    }

    // Inlined, because every write calls this function a few times. In most calls, the compiler knows the
    // length of the slice.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        match self.inline.get_mut(self.len..end) {
            Some(room) if self.spilled.is_empty() => {
                room.copy_from_slice(bytes);
                self.len = end;
            }
            _ => self.spill(bytes),
        }
    }

    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        if self.spilled.is_empty() {
            self.spilled.extend_from_slice(self.inline.get(..self.len).unwrap_or_default());
        }
        self.spilled.extend_from_slice(bytes);
    }
}
