//! Step 2 of [`super`]: checks that the changes of a transaction are not too large for one transaction of the
//! file, for the write buffer, or for memory.

use super::put::PutSize;
use super::{KeyChange, Transaction, TransactionKey};
use crate::api::keyspace::prepare::room_of_change;
use crate::error::Error;
use crate::units::ByteSize;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GroupSize {
    pub(super) changes: usize,
    /// The bytes of the encoded values.
    payload: u64,
    /// The bytes in the write buffer, without `keys`.
    pub(super) room: u64,
    /// The additional bytes in the write buffer for the keys of a group.
    pub(super) keys: u64,
    /// The weight of the values that are not saved.
    pub(super) weight: u64,
}

impl Transaction<'_> {
    /// Runs step 2. Returns `None` if a value was prepared for another state of the disk tier, because the
    /// tier was discarded or recovered in the meantime.
    pub(super) fn check_size(&self) -> Result<Option<GroupSize>, Error> {
        let saves = self.shared.tiers.disk.saves();
        let mut size = GroupSize::default();
        let mut last = None;
        for key in &self.keys {
            let Some(change) = &key.change else { continue };
            let put_size = match change {
                KeyChange::Put(put) => {
                    let put_size = put.size(key.full.len());
                    if put_size.is_none() {
                        size.weight += put.weight();
                    }
                    put_size
                }
                KeyChange::Remove if saves => {
                    Some(PutSize { payload: 0, room: room_of_change(key.full.len()) })
                }
                KeyChange::Remove => None,
            };
            if !key.is_in_file() {
                continue;
            }
            if put_size.is_some() != saves {
                return Ok(None);
            }
            let Some(PutSize { payload, room }) = put_size else { continue };
            size.changes += 1;
            size.payload += payload;
            size.room += room;
            size.keys += key.group_room();
            last = Some(key);
        }
        if size.changes < 2 {
            size.keys = 0;
        }
        if let Some(key) = last.filter(|_| size.changes > 1) {
            self.refuse_too_large(size, key)?;
        }
        if size.weight > self.shared.tiers.memory.capacity() {
            return Err(self.too_heavy(size.weight));
        }
        Ok(Some(size))
    }

    fn refuse_too_large(&self, size: GroupSize, key: &TransactionKey) -> Result<(), Error> {
        let (max, buffer) = (self.shared.settings.max_group, self.shared.tiers.memory.buffer().capacity());
        let of_bytes = |bytes: u64, what: &str| format!("{} {what}", ByteSize::bytes(bytes));
        let (size, max, remedy) = if size.changes > max.values {
            (
                format!("{} changes", size.changes),
                max.values.to_string(),
                "change fewer keys at once, or raise disk_capacity",
            )
        } else if size.payload > max.bytes {
            (
                of_bytes(size.payload, "of values"),
                ByteSize::bytes(max.bytes).to_string(),
                "change fewer keys at once, or raise disk_capacity",
            )
        } else if size.room + size.keys > buffer {
            (
                of_bytes(size.room + size.keys, "in the write buffer"),
                ByteSize::bytes(buffer).to_string(),
                "change fewer keys at once, or raise write_buffer",
            )
        } else {
            return Ok(());
        };
        Err(Error::GroupTooLarge { keyspace: key.name(), size, max, remedy })
    }

    fn too_heavy(&self, weight: u64) -> Error {
        let changed = self.keys.iter().find(|key| key.change.is_some());
        Error::GroupTooLarge {
            keyspace: changed.map(TransactionKey::name).unwrap_or_default(),
            size: format!("{} in memory", ByteSize::bytes(weight)),
            max: ByteSize::bytes(self.shared.tiers.memory.capacity()).to_string(),
            remedy: "change fewer keys at once, or raise memory_capacity",
        }
    }
}
