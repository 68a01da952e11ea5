//! Implements the requests of the remote tier for a node.

use std::sync::Weak;
use std::time::Duration;

use super::node::{RemoteNode, ServerFaults};
use super::ranges::range_shape;
use super::stored::SlotName;
use crate::error::remote_error::{RemoteError, RemoteErrorKind};
use crate::format::codec::format::Format;
use crate::format::keyspace_id::KeyspaceId;
use crate::remote::near::NearTier;
use crate::remote::reply::RemoteReply;
use crate::remote::tier::{
    CommitChange, CommitCondition, FillReply, LeaseReply, LeaseToken, Life, RecordUse, RemoteKey,
    RemoteKeyspace, RemoteRecord, RemoteTier, ScanCursor, ScanPage, SetCondition, WatchToken,
};
use crate::remote::validity::Validity;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::{Arc, Ordering};
use crate::units::Remaining;

/// Number of keys in one page of a walk.
const PAGE: usize = 3;

impl RemoteTier for RemoteNode {
    fn attach(&self, near: Weak<dyn NearTier>) -> Result<(), RemoteError> {
        let mut attached = self.near.lock();
        if attached.is_some() {
            return Err(RemoteError::new(RemoteErrorKind::Unsupported, "the node has a cache already"));
        }
        *attached = Some(near);
        Ok(())
    }

    fn register(&self, keyspace: RemoteKeyspace) -> Result<(), RemoteError> {
        if keyspace.name == "refused" {
            return Err(RemoteError::new(RemoteErrorKind::Unsupported, "the name is refused"));
        }
        if keyspace.format == Format::Raw {
            // The server's lock must not be taken under the node's lock, because a push takes the server's
            // lock first.
            self.server.state.lock().plain.insert((keyspace.name.clone(), keyspace.version));
        }
        let ranges = range_shape(&keyspace).filter(|_| keyspace.format != Format::Raw);
        if let Some(shape) = ranges.clone() {
            self.server.state.lock().ranges.register(&keyspace.name, keyspace.version, shape);
        }
        let mut state = self.state.lock();
        if keyspace.format == Format::Raw {
            state.plain.insert(keyspace.number);
        }
        if let Some(shape) = ranges {
            state.ranges.insert((keyspace.name.clone(), keyspace.version), shape);
        }
        state.keyspaces.insert(keyspace.number, (keyspace.name, keyspace.version));
        Ok(())
    }

    fn name(&self) -> String {
        "memory://server".to_owned()
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn validity(&self) -> Arc<Validity> {
        self.validity.clone()
    }

    fn get(&self, key: RemoteKey, reply: RemoteReply<Option<RemoteRecord>>) {
        let (name, generation) = (self.name_of(&key), self.generation());
        self.ask(reply, move |server, now, _| {
            server.get(&name, now).map(|record| record.answer(now, generation))
        });
    }

    fn get_many(&self, keys: Vec<RemoteKey>, reply: RemoteReply<Vec<Option<RemoteRecord>>>) {
        let names: Vec<_> = keys.iter().map(|key| self.name_of(key)).collect();
        let generation = self.generation();
        self.ask(reply, move |server, now, _| {
            let read = |name| server.get(name, now).map(|record| record.answer(now, generation));
            names.iter().map(read).collect()
        });
    }

    fn lease(&self, key: RemoteKey, length: Duration, reply: RemoteReply<LeaseReply>) {
        let (name, generation, is_plain) = (self.name_of(&key), self.generation(), self.is_plain(&key));
        if is_plain {
            return self.ask(reply, move |server, now, _| match server.get(&name, now) {
                Some(record) => LeaseReply::Hit(record.answer(now, generation)),
                None => LeaseReply::Unleased,
            });
        }
        self.ask(reply, move |server, now, changed| match server.lease(&name, length, now, changed) {
            Ok(record) => LeaseReply::Hit(record.answer(now, generation)),
            Err(other) => other,
        });
    }

    fn fill(
        &self,
        key: RemoteKey,
        token: LeaseToken,
        record: Vec<u8>,
        life: Life,
        reply: RemoteReply<FillReply>,
    ) {
        let run = self.state.lock().before_fill.take();
        if let Some(run) = run {
            run();
        }
        if self.state.lock().faults.refuses_fills {
            let refused = RemoteError::new(RemoteErrorKind::Refused, "too many requests wait for answers");
            return reply.send(Err(refused));
        }
        let (name, generation, is_plain) = (self.name_of(&key), self.generation(), self.is_plain(&key));
        if failpoint_is_set(Failpoint::RangeReadLate) {
            let (name, (late, _)) = (name.clone(), crate::remote::reply::reply());
            self.ask(late, move |server, _, _| server.stamp(&name));
        }
        self.ask(reply, move |server, now, changed| {
            if is_plain {
                let is_stored = server.set(&name, (record, life, SetCondition::Absent), now, changed);
                return if is_stored {
                    FillReply::Stored { generation, is_tracked: true }
                } else {
                    FillReply::Void
                };
            }
            server.fill(&name, (&token, record, life), now, changed, generation)
        });
    }

    fn renew(&self, key: RemoteKey, token: LeaseToken, length: Duration, reply: RemoteReply<bool>) {
        let name = self.name_of(&key);
        self.ask(reply, move |server, now, changed| server.renew(&name, &token, now + length, now, changed));
    }

    fn release(&self, key: RemoteKey, token: LeaseToken, reply: RemoteReply<bool>) {
        let name = self.name_of(&key);
        self.ask(reply, move |server, now, changed| server.release(&name, &token, now, changed));
        let run = self.state.lock().after_release.take();
        if let Some(run) = run {
            run();
        }
    }

    fn set(
        &self,
        key: RemoteKey,
        record: Vec<u8>,
        life: Life,
        condition: SetCondition,
        reply: RemoteReply<bool>,
    ) {
        let run = self.state.lock().before_set.take();
        if let Some(run) = run {
            run();
        }
        let name = self.name_of(&key);
        let ServerFaults { refuses_changes, is_full, .. } = self.state.lock().faults;
        self.ask_fallible(reply, move |server, now, changed| {
            if is_full {
                return Err(RemoteError::new(RemoteErrorKind::Refused, "the server is full"));
            }
            Ok(!refuses_changes && server.set(&name, (record, life, condition), now, changed))
        });
    }

    fn commit(
        &self,
        conditions: Vec<(RemoteKey, CommitCondition)>,
        changes: Vec<(RemoteKey, CommitChange)>,
        reply: RemoteReply<bool>,
    ) {
        let run = if changes.is_empty() { None } else { self.state.lock().before_set.take() };
        if let Some(run) = run {
            run();
        }
        let conditions: Vec<_> =
            conditions.into_iter().map(|(key, condition)| (self.name_of(&key), condition)).collect();
        let changes = changes.into_iter().map(|(key, change)| (self.name_of(&key), change)).collect();
        self.ask(reply, move |server, now, changed| server.commit(&conditions, changes, now, changed));
    }

    fn watch(&self, key: RemoteKey, length: Duration, reply: RemoteReply<WatchToken>) {
        let name = self.name_of(&key);
        self.ask(reply, move |server, now, changed| server.watch(&name, now + length, now, changed));
    }

    fn remove_unchanged(&self, key: RemoteKey, record: Vec<u8>, reply: RemoteReply<bool>) {
        let name = self.name_of(&key);
        self.ask(reply, move |server, now, changed| server.remove_unchanged(&name, &record, now, changed));
    }

    fn remove(&self, keys: Vec<RemoteKey>, reply: RemoteReply<u64>) {
        let names: Vec<_> = keys.iter().map(|key| self.name_of(key)).collect();
        self.ask(reply, move |server, now, changed| {
            names.iter().map(|name| u64::from(server.remove(name, now, changed))).sum()
        });
    }

    fn remove_range(&self, prefix: RemoteKey, reply: RemoteReply<u64>) {
        let range = self.name_of(&prefix);
        self.ask(reply, move |server, now, changed| {
            if server.end_range(&range, changed) {
                return 0;
            }
            server.remove_range(|name| is_in(name, &range), now, changed)
        });
    }

    fn remove_all(&self, reply: RemoteReply<u64>) {
        self.ask(reply, |server, now, changed| server.remove_range(|_| true, now, changed));
    }

    fn extend(&self, key: RemoteKey, record_use: RecordUse, reply: RemoteReply<bool>) {
        let name = self.name_of(&key);
        self.ask(reply, move |server, now, changed| server.extend(&name, record_use, now, changed));
    }

    fn expire(&self, key: RemoteKey, life: Life, reply: RemoteReply<bool>) {
        let name = self.name_of(&key);
        self.ask(reply, move |server, now, _| server.expire(&name, life, now));
    }

    fn ttl(&self, key: RemoteKey, reply: RemoteReply<Option<Remaining>>) {
        let name = self.name_of(&key);
        self.ask(reply, move |server, now, _| {
            server.get(&name, now).map(|record| record.answer(now, 0).left)
        });
    }

    fn scan(&self, prefix: RemoteKey, cursor: ScanCursor, reply: RemoteReply<ScanPage>) {
        let range = self.name_of(&prefix);
        let number = KeyspaceId::of(&prefix).to_bytes();
        let is_circle = self.state.lock().faults.walks_in_a_circle;
        self.ask(reply, move |server, _, _| {
            let from = usize::try_from(cursor.0).unwrap_or(usize::MAX);
            let names = server.names(|name| is_in(name, &range));
            let keys = names.iter().skip(from).take(PAGE);
            let keys = keys.map(|(_, _, encoded)| [&number, encoded.as_slice()].concat().into()).collect();
            let is_last = names.len() <= from.saturating_add(PAGE);
            let next = if is_last { is_circle.then_some(0) } else { Some(cursor.0 + PAGE as u64) };
            let next = next.map(ScanCursor);
            ScanPage { keys, next }
        });
    }

    fn fence(&self, key: RemoteKey, token: u128, length: Duration, reply: RemoteReply<()>) {
        let name = self.name_of(&key);
        self.ask(reply, move |server, now, changed| server.fence(&name, token, now + length, now, changed));
    }

    fn unfence(&self, key: RemoteKey, token: u128, reply: RemoteReply<()>) {
        let name = self.name_of(&key);
        self.ask(reply, move |server, now, changed| server.unfence(&name, token, now, changed));
    }

    fn close(&self) {
        self.lose();
    }
}

fn is_in((name, version, encoded): &SlotName, (range, of, prefix): &SlotName) -> bool {
    name == range && version == of && encoded.starts_with(prefix)
}
