//! Lists the keys of a shard.

use super::Shard;
use crate::sys::sync::Arc;

impl Shard {
    pub(in crate::memory) fn keys(&self, prefix: &[u8], out: &mut Vec<Arc<[u8]>>) {
        let keys = self.slots.iter().map(|(_, slot)| &*slot.key);
        out.extend(keys.filter(|key| key.starts_with(prefix)).map(Arc::from));
    }
}
