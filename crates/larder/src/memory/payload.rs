//! The encoding of a value that waits for its commit, in few bytes.

use std::any::Any;
use std::fmt;
use std::ops::Deref;

use crate::format::codec;
use crate::sys::sync::Arc;

/// Maximum length of an encoding that is stored in place, in bytes. Such an encoding takes no block of its
/// own.
const IN_PLACE: usize = 15;
/// Maximum number of bytes that the allocator adds to a small block. The end of a block of 128 KiB or more
/// may be rounded up to a page. That is up to about 3 % of such a block, and is not charged.
const BLOCK_OVERHEAD: u64 = 24;

/// The encoding of an uncommitted value. Dereferences to its bytes.
#[derive(Debug)]
pub(crate) enum UnsavedPayload {
    Encoded(Vec<u8>),
    /// A value whose bytes are stored unchanged ([`codec::own_encoding`]). So memory has these bytes only
    /// once, and its weight in the write buffer counts them. Such a value runs no user code when it is
    /// dropped.
    Value(Arc<dyn Any + Send + Sync>),
}

impl UnsavedPayload {
    pub(crate) const EMPTY: Self = Self::Encoded(Vec::new());

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Encoded(bytes) => bytes,
            Self::Value(_) => self.to_vec(),
        }
    }
}

impl Deref for UnsavedPayload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Encoded(bytes) => bytes,
            Self::Value(value) => bytes_of(value),
        }
    }
}

/// The owned bytes of an encoding. The type takes 24 bytes, like a `Vec`.
pub(crate) struct Payload(PayloadBytes);

enum PayloadBytes {
    InPlace {
        len: u8,
        bytes: [u8; IN_PLACE],
    },
    Heap(Vec<u8>),
    /// See [`UnsavedPayload::Value`].
    Value(Arc<dyn Any + Send + Sync>),
}

impl Payload {
    /// Returns the number of bytes that an encoding takes outside the type, besides the weight of its value.
    pub(crate) fn heap_bytes(payload: &UnsavedPayload) -> u64 {
        match payload {
            UnsavedPayload::Encoded(bytes) if bytes.len() > IN_PLACE => {
                (bytes.capacity() as u64).saturating_add(BLOCK_OVERHEAD)
            }
            UnsavedPayload::Encoded(_) | UnsavedPayload::Value(_) => 0,
        }
    }
}

impl From<UnsavedPayload> for Payload {
    fn from(payload: UnsavedPayload) -> Self {
        let encoding = match payload {
            UnsavedPayload::Encoded(encoding) => encoding,
            UnsavedPayload::Value(value) => return Self(PayloadBytes::Value(value)),
        };
        let mut bytes = [0; IN_PLACE];
        match (bytes.get_mut(..encoding.len()), u8::try_from(encoding.len())) {
            (Some(room), Ok(len)) => {
                room.copy_from_slice(&encoding);
                Self(PayloadBytes::InPlace { len, bytes })
            }
            _ => Self(PayloadBytes::Heap(encoding)),
        }
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            PayloadBytes::InPlace { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            PayloadBytes::Heap(bytes) => bytes,
            PayloadBytes::Value(value) => bytes_of(value),
        }
    }
}

/// Returns the bytes of a value that is its own encoding.
fn bytes_of(value: &Arc<dyn Any + Send + Sync>) -> &[u8] {
    let bytes = codec::own_encoding(&**value);
    debug_assert!(bytes.is_some(), "only a value with an own encoding becomes such a payload");
    bytes.unwrap_or_default()
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::heap::block;

    #[test]
    fn encodings_of_every_length_come_back_and_are_charged_for_their_block() {
        assert_eq!(size_of::<Payload>(), size_of::<Vec<u8>>());
        for len in 0..3 * IN_PLACE {
            let encoding: Vec<u8> = (0..len).map(|at| u8::try_from(at).unwrap()).collect();
            let mut roomy = Vec::with_capacity(4 * IN_PLACE);
            roomy.extend_from_slice(&encoding);
            let roomy = UnsavedPayload::Encoded(roomy);
            let charged = Payload::heap_bytes(&roomy);
            let payload = Payload::from(roomy);
            assert_eq!(*payload, *encoding);
            let taken = match &payload.0 {
                PayloadBytes::InPlace { .. } | PayloadBytes::Value(_) => 0,
                PayloadBytes::Heap(bytes) => block(bytes.capacity()) as u64,
            };
            assert_eq!(taken == 0, len <= IN_PLACE);
            assert!(taken <= charged, "{taken} {charged}");
        }
        for capacity in 16..1_000 {
            assert!(block(capacity) as u64 <= capacity as u64 + BLOCK_OVERHEAD);
        }
    }
}
