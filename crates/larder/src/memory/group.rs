//! A group of values: its keys, and their room in the write buffer. [`super::store_group`] has the protocol.

use super::buffer::BufferRoom;
use crate::format::stored_key::StoredKey;

/// The bytes of the write buffer that a group needs for each key, in addition to the key's own bytes.
pub(crate) const GROUP_KEY_OVERHEAD: u64 = size_of::<StoredKey>() as u64;

/// The keys of a group. Each uncommitted value of the group holds a reference to this struct.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) keys: Vec<StoredKey>,
    /// Room for the keys in the write buffer. A group that is replaced value by value must not use more
    /// memory than the buffer allows.
    _room: BufferRoom,
}

impl Group {
    pub(crate) fn new(keys: Vec<StoredKey>, room: BufferRoom) -> Self {
        Self { keys, _room: room }
    }
}
