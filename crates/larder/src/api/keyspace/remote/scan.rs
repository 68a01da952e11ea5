//! Lists the keys of a keyspace at the server.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::keyspace::Keyspace;
use crate::format::key::Key;
use crate::remote::tier::ScanCursor;
use crate::sys::sync::Arc;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the keys at the server, sorted and without duplicates, and whether the list is complete. All
    /// keys are collected first, because the server may return a key several times and in any order.
    pub(in crate::api::keyspace) fn remote_keys(&self) -> (Vec<Arc<[u8]>>, bool) {
        let Some(link) = self.link() else { return (Vec::new(), true) };
        let (mut keys, mut cursor) = (Vec::new(), ScanCursor::default());
        let prefix = self.opened.id.to_bytes();
        let is_complete = loop {
            let page = link.ask(|tier, reply| tier.scan(prefix.as_slice().into(), cursor, reply));
            let Some(page) = link.count(page) else { break false };
            keys.extend(page.keys.into_iter().map(Arc::<[u8]>::from));
            match page.next {
                Some(next) => cursor = next,
                None => break true,
            }
        };
        keys.sort_unstable();
        keys.dedup();
        (keys, is_complete)
    }
}
