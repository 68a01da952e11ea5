//! A group of values: its keys, and their room in the write buffer. See [`super::store_group`] for the
//! protocol.

use super::buffer::BufferRoom;
use crate::format::stored_key::StoredKey;

/// Bytes of the write buffer that a group takes for each key, in addition to the key's bytes.
pub(crate) const GROUP_KEY_OVERHEAD: u64 = size_of::<StoredKey>() as u64;

/// The keys of a group. Each uncommitted change of the group references this struct.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) keys: Vec<StoredKey>,
    /// Room for the keys in the write buffer. The keys stay in memory while any change of the group is
    /// uncommitted, so they count against the buffer's limit.
    _room: BufferRoom,
}

impl Group {
    pub(crate) fn new(keys: Vec<StoredKey>, room: BufferRoom) -> Self {
        Self { keys, _room: room }
    }
}
