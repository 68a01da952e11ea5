//! Reads the value of a key for a change that takes no lease ([`crate::memory::publication`]).

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::read::{LeasedRead, ReadValue};
use crate::engine::promotion::Lease;
use crate::format::key::Key;
use crate::memory::publication::BehindBarrier;
use crate::memory::slot_key::SlotKey;
use crate::sys::user_code::HeldValue;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Reads the live value of a key in memory, for a change that takes no lease. Returns `None` if memory
    /// has no live value, and in a remote keyspace. First waits for the end of a range removal of the key,
    /// if the call may wait.
    pub(super) fn read_without_lease<'a>(
        &'a self,
        key: SlotKey<'a>,
        may_wait: bool,
    ) -> Result<Option<LeasedRead<'a, V>>, BehindBarrier> {
        if self.is_remote() {
            return Ok(None);
        }
        let memory = &self.shared.tiers.memory;
        let found = memory.read_to_change(key, || self.now(), may_wait)?;
        Ok(found.and_then(|(value, entry)| {
            let value = HeldValue::new(Self::typed(value)?);
            let read = Some(ReadValue { value, entry, is_in_memory: true, decoded: None });
            Some(LeasedRead { lease: Lease::none(memory, key), read, is_unread: false, record: None })
        }))
    }
}
