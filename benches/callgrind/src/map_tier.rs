//! A remote tier whose server is a map in this process, so that near hits can be counted without a server.
//!
//! It answers only what a fill of the memory tier needs: inserts and lookups. It drops the other requests,
//! and so answers them with an error.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use larder::remote::{
    CommitChange, CommitCondition, FillReply, LeaseReply, LeaseToken, Life, NearTier, RecordUse, RemoteKey,
    RemoteKeyspace, RemoteRecord, RemoteReply, RemoteTier, ScanCursor, ScanPage, SetCondition, Validity,
    WatchToken,
};
use larder::{Remaining, RemoteError};

#[derive(Debug)]
pub(crate) struct MapTier {
    records: Mutex<HashMap<RemoteKey, Vec<u8>>>,
    validity: Arc<Validity>,
}

impl MapTier {
    pub(crate) fn new() -> Self {
        let validity = Arc::new(Validity::new());
        validity.extend_to(Duration::MAX);
        Self { records: Mutex::default(), validity }
    }

    fn record(&self, key: &RemoteKey) -> Option<RemoteRecord> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = records.get(key)?.clone();
        Some(RemoteRecord {
            bytes,
            left: Remaining::For(Duration::from_hours(24)),
            generation: 1,
            is_tracked: true,
            times: None,
        })
    }
}

impl RemoteTier for MapTier {
    fn attach(&self, _: Weak<dyn NearTier>) -> Result<(), RemoteError> {
        Ok(())
    }

    fn register(&self, _: RemoteKeyspace) -> Result<(), RemoteError> {
        Ok(())
    }

    fn name(&self) -> String {
        "memory://map".to_owned()
    }

    fn generation(&self) -> u64 {
        1
    }

    fn validity(&self) -> Arc<Validity> {
        self.validity.clone()
    }

    fn get(&self, key: RemoteKey, reply: RemoteReply<Option<RemoteRecord>>) {
        reply.send(Ok(self.record(&key)));
    }

    fn get_many(&self, keys: Vec<RemoteKey>, reply: RemoteReply<Vec<Option<RemoteRecord>>>) {
        reply.send(Ok(keys.iter().map(|key| self.record(key)).collect()));
    }

    fn set(&self, key: RemoteKey, record: Vec<u8>, _: Life, _: SetCondition, reply: RemoteReply<bool>) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).insert(key, record);
        reply.send(Ok(true));
    }

    fn lease(&self, _: RemoteKey, _: Duration, _: RemoteReply<LeaseReply>) {}

    fn fill(&self, _: RemoteKey, _: LeaseToken, _: Vec<u8>, _: Life, _: RemoteReply<FillReply>) {}

    fn renew(&self, _: RemoteKey, _: LeaseToken, _: Duration, _: RemoteReply<bool>) {}

    fn release(&self, _: RemoteKey, _: LeaseToken, _: RemoteReply<bool>) {}

    fn remove_unchanged(&self, _: RemoteKey, _: Vec<u8>, _: RemoteReply<bool>) {}

    fn commit(
        &self,
        _: Vec<(RemoteKey, CommitCondition)>,
        _: Vec<(RemoteKey, CommitChange)>,
        _: RemoteReply<bool>,
    ) {
    }

    fn watch(&self, _: RemoteKey, _: Duration, _: RemoteReply<WatchToken>) {}

    fn remove(&self, _: Vec<RemoteKey>, _: RemoteReply<u64>) {}

    fn remove_range(&self, _: RemoteKey, _: RemoteReply<u64>) {}

    fn remove_all(&self, _: RemoteReply<u64>) {}

    fn extend(&self, _: RemoteKey, _: RecordUse, _: RemoteReply<bool>) {}

    fn expire(&self, _: RemoteKey, _: Life, _: RemoteReply<bool>) {}

    fn ttl(&self, _: RemoteKey, _: RemoteReply<Option<Remaining>>) {}

    fn scan(&self, _: RemoteKey, _: ScanCursor, _: RemoteReply<ScanPage>) {}

    fn fence(&self, _: RemoteKey, _: u128, _: Duration, _: RemoteReply<()>) {}

    fn unfence(&self, _: RemoteKey, _: u128, _: RemoteReply<()>) {}

    fn close(&self) {}
}
