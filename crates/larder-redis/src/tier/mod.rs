//! The remote tier of a cache on a Redis or Valkey server.
//!
//! - [`names`]: the keys on the server.
//! - [`spelled`]: the keys that a schema spells.
//! - [`ranges`]: the keys that one request removes.
//! - [`scripts`]: the atomic steps on the server, and the content of a slot.
//! - [`session`]: how the start of a connection, pushes, and a lost connection are handled.
//! - [`commits`]: transactions and watches.
//! - [`walks`]: requests for more keys than one step may use.
//! - [`replicas`]: waits until replicas have a removal.
//! - [`answers`]: converts replies to the types of the crate `larder`.

mod answers;
mod commits;
mod joined;
mod names;
mod ranges;
mod replicas;
mod requests;
mod scripts;
mod session;
mod spelled;
mod walks;

use std::sync::{Arc, Weak};
use std::time::Duration;

use larder::remote::{
    CommitChange, CommitCondition, FillReply, HardLimit, IdleLife, LeaseReply, LeaseToken, Life, NearTier,
    RecordUse, RemoteKey, RemoteKeyspace, RemoteRecord, RemoteReply as Sender, RemoteTier, ScanCursor,
    ScanPage, SetCondition, Validity, WatchToken,
};
use larder::{Remaining, RemoteError, RemoteErrorKind};

use crate::clock::{BootClock, SystemBootClock};
use crate::connection::ConnectionHandle;
use crate::connection::request::Request;
use crate::error::Error;
use crate::random;
use crate::settings::Settings;
pub(crate) use names::{END_OF_TEXT, escape};
use replicas::ReplicasHandle;
pub(crate) use replicas::{acknowledge, replicas_with_mark};
pub use requests::RedisTier;
use requests::expiry;
pub(crate) use scripts::{HEADER_LEN, LEASE, MARK, RECORD, TIMED_RECORD, header_len};
use session::{TierSession, TierState};
pub(crate) use spelled::{read as read_spelled, without_colons};

impl RedisTier {
    /// Connects to the server of a URL. Returns when the server has replied, when the attempt to connect
    /// has failed, or after twice the connect timeout.
    ///
    /// A server that can't be reached is not an error: the tier connects as soon as it can. Until then,
    /// lookups are misses, and changes are errors.
    ///
    /// # Errors
    /// Returns [`Error::InvalidUrl`] or [`Error::InvalidSetting`] for an invalid URL, and
    /// [`Error::Refused`] for a wrong user or password, or a user who lacks a right. Returns
    /// [`Error::Unsupported`] for a server that can't be used, such as a Cluster node or a replica. Returns
    /// [`Error::Unavailable`] if the operating system refuses a thread or a socket.
    pub fn open(url: &str) -> Result<Self, Error> {
        let settings = Settings::from_url(url)?;
        if let Some((name, _)) = settings.others.first() {
            return Err(Error::InvalidUrl { why: format!("its option {name:?} is not known") });
        }
        Self::start(settings)
    }

    pub(crate) fn start(settings: Settings) -> Result<Self, Error> {
        Self::start_with_clock(settings, Arc::new(SystemBootClock))
    }

    fn start_with_clock(settings: Settings, clock: Arc<dyn BootClock>) -> Result<Self, Error> {
        let state = Arc::new(TierState::new(&settings.prefix, settings.is_durable));
        let session = Arc::new(TierSession(state.clone()));
        let has_replicas = settings.replicas > 0;
        let handle = ConnectionHandle::start(settings, clock, session)?;
        let replicas = has_replicas.then(|| ReplicasHandle::start(handle.0.clone(), state.clone()));
        let replicas = replicas.transpose()?;
        if let Err(error @ (Error::Refused { .. } | Error::Unsupported { .. })) = handle.0.first_attempt() {
            return Err(error);
        }
        Ok(Self { state, handle, replicas })
    }

    /// Returns why there is no connection to the server, or `None` if there is one.
    #[must_use]
    pub fn why_down(&self) -> Option<Error> {
        self.handle.0.why_down()
    }
}

impl RemoteTier for RedisTier {
    fn attach(&self, near: Weak<dyn NearTier>) -> Result<(), RemoteError> {
        self.state.near.set(near).map_err(|_| {
            let cause = "the tier serves another cache; connect one more for this cache";
            RemoteError::new(RemoteErrorKind::Unsupported, cause)
        })
    }

    fn register(&self, keyspace: RemoteKeyspace) -> Result<(), RemoteError> {
        self.state.directory.write().names.register(&keyspace);
        Ok(())
    }

    fn name(&self) -> String {
        self.handle.0.settings.server.place.to_string()
    }

    fn generation(&self) -> u64 {
        self.handle.0.generation()
    }

    fn validity(&self) -> Arc<Validity> {
        self.handle.0.validity.clone()
    }

    fn get(&self, key: RemoteKey, sender: Sender<Option<RemoteRecord>>) {
        let Some((place, sender)) = self.place(&key, sender) else { return };
        let (script, is_plain) = (&scripts::GET, place.is_plain);
        if is_plain {
            let command = place.pair();
            let decode =
                |answered| answers::lookups(answered, &[true]).map(|mut found| found.pop().flatten());
            return self.send(&scripts::GET_MANY, command, sender, decode);
        }
        let command = place.with_range(place.keys_to_read(2));
        self.send(script, command, sender, move |answered| answers::lookup(answered, is_plain));
    }

    fn get_many(&self, keys: Vec<RemoteKey>, sender: Sender<Vec<Option<RemoteRecord>>>) {
        self.get_all(&keys, sender);
    }

    fn lease(&self, key: RemoteKey, length: Duration, sender: Sender<LeaseReply>) {
        let Some((place, sender)) = self.place(&key, sender) else { return };
        if place.is_plain {
            return self.send(&scripts::GET_MANY, place.pair(), sender, |answered| {
                let found = answers::lookups(answered, &[true])?.pop().flatten();
                Ok(found.map_or(LeaseReply::Unleased, LeaseReply::Hit))
            });
        }
        let token: [u8; 16] = random::bytes();
        let command = place.keys_to_read(3).arg(place.new_generation()).arg(token);
        let command = place.with_range(command.number(requests::ms(length)));
        self.send(&scripts::LEASE_OR_GET, command, sender, move |answered| answers::lease(answered, &token));
    }

    fn fill(
        &self,
        key: RemoteKey,
        token: LeaseToken,
        record: Vec<u8>,
        life: Life,
        sender: Sender<FillReply>,
    ) {
        let Some((place, sender)) = self.place(&key, sender) else { return };
        let decode = |answered| {
            let is_stored = answers::is_done(&answered)?;
            // The push of this change comes after the reply, and would drop a copy in memory. In per-key
            // mode, the server then stops tracking the key for this client.
            let stored = FillReply::Stored { generation: answered.generation, is_tracked: false };
            Ok(if is_stored { stored } else { FillReply::Void })
        };
        if place.is_plain {
            let command = place.set_plain(&record, life, &SetCondition::Absent);
            return self.send(&scripts::SET_PLAIN, command, sender, decode);
        }
        let Some(generation) = token.0.get(1..scripts::HEADER_LEN) else {
            return sender.send(Ok(FillReply::Void));
        };
        let mut command = place.keys(2).arg(&token.0);
        command.push_parts(&[&[scripts::RECORD], generation, &record]);
        let mut command = command.arg(expiry(life));
        match life {
            // The slot has a lease, and so no record whose limit could be kept.
            Life::WhileUsed(IdleLife { limit: HardLimit::Keep, .. }) => {
                return sender.send(Ok(FillReply::Void));
            }
            Life::WhileUsed(IdleLife { limit, .. }) => command = command.arg(requests::limit(limit)),
            _ if place.has_range() => command = command.arg(""),
            _ => {}
        }
        self.send(&scripts::FILL, place.with_range(command), sender, decode);
    }

    fn renew(&self, key: RemoteKey, token: LeaseToken, length: Duration, sender: Sender<bool>) {
        let Some((place, sender)) = self.place(&key, sender) else { return };
        let command = place.keys(2).arg(&token.0).number(requests::ms(length));
        self.send(&scripts::RENEW, place.with_range(command), sender, |answered| answers::is_done(&answered));
    }

    fn release(&self, key: RemoteKey, token: LeaseToken, sender: Sender<bool>) {
        let Some((place, sender)) = self.place(&key, sender) else { return };
        let command = place.with_range(place.keys(2).arg(&token.0));
        self.send(&scripts::RELEASE, command, sender, |answered| answers::is_done(&answered));
    }

    fn set(
        &self,
        key: RemoteKey,
        record: Vec<u8>,
        life: Life,
        condition: SetCondition,
        sender: Sender<bool>,
    ) {
        let Some((place, sender)) = self.place(&key, sender) else { return };
        let decode = |answered| answers::is_done(&answered);
        if place.is_plain {
            let command = place.set_plain(&record, life, &condition);
            return self.send(&scripts::SET_PLAIN, command, sender, decode);
        }
        let (name, expected) = requests::condition(&condition);
        let command = place.keys_of_set(&condition, 2).arg(place.new_generation()).arg(&record);
        let mut command = command.arg(expiry(life)).arg(name).arg(expected);
        if let Life::WhileUsed(IdleLife { limit, grace, .. }) = life {
            command = command.arg(requests::limit(limit)).arg(grace.as_millis().to_string());
        } else if place.has_range() {
            command = command.arg("").arg("");
        }
        self.send(&scripts::SET, place.with_range(command), sender, decode);
    }

    fn commit(
        &self,
        conditions: Vec<(RemoteKey, CommitCondition)>,
        changes: Vec<(RemoteKey, CommitChange)>,
        sender: Sender<bool>,
    ) {
        self.send_commit(&conditions, &changes, sender);
    }

    fn watch(&self, key: RemoteKey, length: Duration, sender: Sender<WatchToken>) {
        self.send_watch(&key, length, sender);
    }

    fn remove_unchanged(&self, key: RemoteKey, record: Vec<u8>, sender: Sender<bool>) {
        let Some((place, sender)) = self.place(&key, sender) else { return };
        if place.is_plain {
            let command = place.keys(1).arg(&record);
            return self.send_removal_if(&scripts::REMOVE_PLAIN_UNCHANGED, command, sender);
        }
        let command = place.with_range(place.keys(2).arg(&record));
        self.send_removal_if(&scripts::REMOVE_UNCHANGED, command, sender);
    }

    fn remove(&self, keys: Vec<RemoteKey>, sender: Sender<u64>) {
        self.remove_all_of(&keys, sender);
    }

    fn remove_range(&self, prefix: RemoteKey, sender: Sender<u64>) {
        if let Err(sender) = self.end_range(&prefix, sender) {
            self.walk_away(&prefix, sender);
        }
    }

    fn remove_all(&self, sender: Sender<u64>) {
        self.walk_all_away(sender);
    }

    fn extend(&self, key: RemoteKey, record_use: RecordUse, sender: Sender<bool>) {
        let Some((place, sender)) = self.place(&key, sender) else { return };
        if place.is_plain {
            return sender.send(Ok(false));
        }
        let RecordUse { mark, below, life } = record_use;
        let command = place.keys(2).arg(mark.to_be_bytes()).number(requests::ms(below));
        let command = place.with_range(command.number(requests::ms(life)));
        self.send(&scripts::EXTEND, command, sender, |answered| answers::is_done(&answered));
    }

    fn expire(&self, key: RemoteKey, life: Life, sender: Sender<bool>) {
        let Some((place, sender)) = self.place(&key, sender) else { return };
        let script = if place.is_plain { &scripts::EXPIRE_PLAIN } else { &scripts::EXPIRE };
        let command = place.with_range(place.keys(2).arg(expiry(life)));
        self.send(script, command, sender, |answered| answers::is_done(&answered));
    }

    fn ttl(&self, key: RemoteKey, sender: Sender<Option<Remaining>>) {
        let Some((place, sender)) = self.place(&key, sender) else { return };
        if place.is_plain {
            return self.send(&scripts::TTL_PLAIN, place.keys(1), sender, |answered| answers::ttl(&answered));
        }
        self.send(&scripts::TTL, place.with_range(place.keys(2)), sender, |answered| answers::ttl(&answered));
    }

    fn scan(&self, prefix: RemoteKey, cursor: ScanCursor, sender: Sender<ScanPage>) {
        self.walk_page(&prefix, &cursor, sender);
    }

    fn fence(&self, key: RemoteKey, token: u128, length: Duration, sender: Sender<()>) {
        let Some((place, sender)) = self.place_to_remove(&key, sender) else { return };
        let command = place.keys(3).arg(token.to_be_bytes()).number(requests::ms(length));
        self.send(&scripts::FENCE, command, sender, |answered| answers::is_done(&answered).map(drop));
    }

    fn unfence(&self, key: RemoteKey, token: u128, sender: Sender<()>) {
        let Some((place, sender)) = self.place_to_remove(&key, sender) else { return };
        let command = place.keys(3).arg(token.to_be_bytes());
        let end = self.end_of_removal(sender);
        let complete = move |answer| {
            let done = answers::accepted(answer).and_then(|answered| answers::is_done(&answered).map(drop));
            end(done.map_err(|error| answers::remote_error(&error)));
        };
        self.handle.0.submit(Request::script(&scripts::UNFENCE, command, complete));
    }

    fn close(&self) {
        self.handle.0.close();
        if let Some(replicas) = &self.replicas {
            replicas.0.close();
        }
    }
}
