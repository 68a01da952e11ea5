//! The encoded bytes of a key.

/// Number of bytes that need no allocation. Enough for most keys, including the keyspace's number.
const INLINE: usize = 64;

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
    /// Creates a buffer that starts with the bytes of a keyspace's number, like every key of the keyspace.
    pub(crate) fn starting_with(start: &[u8]) -> Self {
        let mut buffer = Self::default();
        buffer.push(start);
        buffer
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        if self.spilled.is_empty() { self.inline.get(..self.len).unwrap_or_default() } else { &self.spilled }
    }

    // Inlined, because every write calls this function a few times, usually with a slice whose length the
    // compiler knows.
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
