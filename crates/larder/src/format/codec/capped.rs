//! A buffer for an encoding that must not be longer than a maximum.

use super::error::CodecError;

/// The bytes of an encoding, up to a maximum.
#[derive(Debug)]
pub(super) struct CappedBytes {
    bytes: Vec<u8>,
    max: usize,
    is_exceeded: bool,
}

impl CappedBytes {
    pub(super) const fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), max, is_exceeded: false }
    }

    /// Adds bytes. Returns whether they fit. If not, the encoder must stop.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        self.is_exceeded |= bytes.len() > self.max - self.bytes.len();
        if !self.is_exceeded {
            self.bytes.extend_from_slice(bytes);
        }
        !self.is_exceeded
    }

    /// Returns the bytes, or `None` if they exceed the maximum. `encoded` is the result of the encoder, which
    /// is an error of the buffer if the maximum is exceeded.
    pub(super) fn finish<E: Into<CodecError>>(
        self,
        encoded: Result<(), E>,
    ) -> Result<Option<Vec<u8>>, CodecError> {
        match encoded {
            _ if self.is_exceeded => Ok(None),
            Ok(()) => Ok(Some(self.bytes)),
            Err(error) => Err(error.into()),
        }
    }
}
