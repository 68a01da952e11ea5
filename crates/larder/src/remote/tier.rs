//! The remote tier: the requests of the cache, and their answers.

use std::fmt::Debug;
use std::sync::Weak;
use std::time::Duration;

use super::near::NearTier;
use super::reply::RemoteReply;
use super::validity::Validity;
use crate::error::remote_error::RemoteError;
use crate::format::codec::format::Format;
use crate::sys::sync::Arc;
use crate::units::Remaining;

/// A key in a request: the keyspace's number, then the encoded key.
pub type RemoteKey = Box<[u8]>;

/// The connection of one cache to a server that several caches share.
///
/// A method with a [`RemoteReply`] hands the request to the connection and returns without waiting for the
/// network. The answer comes through the [`RemoteReply`], from any thread. [`larder::remote`](crate::remote)
/// specifies the order that a tier must keep.
///
/// # Cost
/// The table counts the requests to the server. All requests of one call are sent at once, except those of a
/// walk, and those for the rest of an answer that was too long for one reply.
///
/// | methods | requests |
/// |---|---|
/// | `get`, `lease`, `fill`, `renew`, `release`, `set`, `remove_unchanged`, `extend`, `expire`, `ttl`, `fence`, `unfence` | one |
/// | `commit`, `watch`, `scan` | one |
/// | `get_many`, `remove` | one for as many keys as the tier puts into one: 4 in `larder-redis` |
/// | `remove_range`, `remove_all` | at least one for each page of a walk, one after another. In `larder-redis`, a page has about 500 of all keys of the database. A [declared range](RemoteKeyspace::range_parts) takes one |
/// | `attach`, `register`, `name`, `generation`, `validity`, `close` | none |
///
/// # Examples
/// A tier of a cache gets its requests from the cache. A test may send them itself:
///
/// ```
/// # #[cfg(all(feature = "test-util", feature = "remote"))] {
/// use std::sync::Arc;
/// use std::time::Duration;
/// use larder::clock::ManualClock;
/// use larder::remote::{FillReply, LeaseReply, Life, RemoteKey, RemoteTier, reply};
/// use larder::testing::remote::RemoteServer;
///
/// let node = RemoteServer::new(Arc::new(ManualClock::new())).node();
/// let key = || RemoteKey::from(*b"\xC0\0\0\x01MTNVTU");
/// let (sender, answer) = reply();
/// node.lease(key(), Duration::from_secs(60), sender);
/// let Ok(LeaseReply::Leased(token)) = answer.wait() else { panic!("the server is empty") };
/// let (sender, answer) = reply();
/// node.fill(key(), token, b"100".to_vec(), Life::Never, sender);
/// assert!(matches!(answer.wait(), Ok(FillReply::Stored { .. })));
/// let (sender, answer) = reply();
/// node.get(key(), sender);
/// assert_eq!(answer.wait().ok().flatten().map(|record| record.bytes), Some(b"100".to_vec()));
/// # }
/// ```
pub trait RemoteTier: Debug + Send + Sync {
    /// Sets the near cache that receives the pushes. The cache calls this before its first request.
    ///
    /// # Errors
    /// Returns an error if the tier already has a near cache. Pushes go to one near cache only, so a second
    /// one would become stale.
    fn attach(&self, near: Weak<dyn NearTier>) -> Result<(), RemoteError>;

    /// Registers a keyspace. The cache calls this before the keyspace's first request, and again, with a new
    /// number, when the keyspace is opened with another type or version. The name and the version identify
    /// the keyspace on all machines.
    ///
    /// # Errors
    /// Returns an error if the tier cannot store this keyspace.
    fn register(&self, keyspace: RemoteKeyspace) -> Result<(), RemoteError>;

    /// Returns a name of the server for errors and reports. It contains no password.
    fn name(&self) -> String;

    /// Returns the generation of the current connection. No two connections have the same generation, and it
    /// changes as soon as the connection is lost.
    fn generation(&self) -> u64;

    /// Returns the deadline until which values may be returned from memory. The tier keeps it up to date. The
    /// cache calls this once, before its first request.
    fn validity(&self) -> Arc<Validity>;

    /// Atomically reads the record of a key and its [remaining time](RemoteRecord::left). A lease marker is a
    /// miss.
    fn get(&self, key: RemoteKey, reply: RemoteReply<Option<RemoteRecord>>);

    /// Reads several records, each like [`get`](RemoteTier::get). The answers are in the order of the keys.
    /// The records are not read at the same moment.
    fn get_many(&self, keys: Vec<RemoteKey>, reply: RemoteReply<Vec<Option<RemoteRecord>>>);

    /// Atomically reads a key, or takes the lease to fill it. The lease lasts for `length`. If the slot has
    /// no record, the answer is `Busy` if another client or an earlier request has the lease, and `Fenced` if
    /// the key has a fence. A keyspace in the raw format has no leases, so a miss is answered with
    /// `Unleased`.
    fn lease(&self, key: RemoteKey, length: Duration, reply: RemoteReply<LeaseReply>);

    /// Replaces the lease marker that has this token with a record. If the slot has changed since the lease
    /// was taken, or a range that contains the key was removed, the answer is `Void` and nothing is stored.
    /// After `Unleased`, the token is empty, and the record is stored if the key has no value.
    fn fill(
        &self,
        key: RemoteKey,
        token: LeaseToken,
        record: Vec<u8>,
        life: Life,
        reply: RemoteReply<FillReply>,
    );

    /// Extends a lease to `length` from now. The answer says whether the lease still holds. If it does not,
    /// nothing is changed. The server may push the renewal like a change of the slot.
    fn renew(&self, key: RemoteKey, token: LeaseToken, length: Duration, reply: RemoteReply<bool>);

    /// Releases a lease without storing a value. The answer says whether the lease held until then.
    fn release(&self, key: RemoteKey, token: LeaseToken, reply: RemoteReply<bool>);

    /// Stores a record if the condition holds. The answer says whether it was stored. A lease marker counts
    /// as no record, and storing replaces it, which voids its lease.
    fn set(
        &self,
        key: RemoteKey,
        record: Vec<u8>,
        life: Life,
        condition: SetCondition,
        reply: RemoteReply<bool>,
    );

    /// Removes a record if its bytes equal `record`. The answer says whether they were equal.
    fn remove_unchanged(&self, key: RemoteKey, record: Vec<u8>, reply: RemoteReply<bool>);

    /// Checks the conditions and makes the changes at one moment: all changes if every condition holds, and
    /// no change otherwise. The answer says whether the conditions hold. Each changed key occurs once. A
    /// change replaces or removes a lease marker in its slot, and does not depend on fences. A record is
    /// stored with [`Life::Keep`] only if one of the conditions requires a record of its key.
    fn commit(
        &self,
        conditions: Vec<(RemoteKey, CommitCondition)>,
        changes: Vec<(RemoteKey, CommitChange)>,
        reply: RemoteReply<bool>,
    );

    /// Returns a token for the content of a slot, for [`CommitCondition::Watched`]. If the slot has neither a
    /// record nor a lease marker, the tier stores a *watch mark* in it for `length`. A watch mark is never a
    /// value: every other request treats it as an empty slot, and every change of the slot replaces or
    /// removes it. The raw format has no watch marks, so the answer is an error.
    fn watch(&self, key: RemoteKey, length: Duration, reply: RemoteReply<WatchToken>);

    /// Removes keys, with the leases in their slots. The answer is the number of live values among them, as
    /// far as the tier knows it. A known absence is no value, and a value in its grace is not live.
    fn remove(&self, keys: Vec<RemoteKey>, reply: RemoteReply<u64>);

    /// Removes all keys that begin with `prefix`, and voids every lease on them. The prefix begins with a
    /// complete keyspace number, and may end at any byte. The tier may remove more keys than these, never
    /// fewer. The answer is counted as in [`remove`](RemoteTier::remove).
    fn remove_range(&self, prefix: RemoteKey, reply: RemoteReply<u64>);

    /// Removes all keys below this tier's prefix at the server, of all keyspaces and all clients.
    fn remove_all(&self, reply: RemoteReply<u64>);

    /// Extends the life of a record that was used, in one step with these checks:
    ///
    /// - The slot has a record that was stored with [`Life::WhileUsed`], and that has this
    ///   [mark](RecordUse::mark).
    /// - The record is live: its grace has not begun. Less than [`below`](RecordUse::below) is left of its
    ///   life.
    ///
    /// The record then lives for [`life`](RecordUse::life), but not past its [limit](IdleLife::limit), and is
    /// kept for its grace after that. Its bytes do not change, and a use never makes its life shorter. The
    /// server pushes the change like any other. The answer says whether the life was extended.
    fn extend(&self, key: RemoteKey, record_use: RecordUse, reply: RemoteReply<bool>);

    /// Changes the remaining time of a record. The answer says whether the key had a record.
    fn expire(&self, key: RemoteKey, life: Life, reply: RemoteReply<bool>);

    /// Returns the time until the end of a record's grace, or `None` if the key has no record.
    fn ttl(&self, key: RemoteKey, reply: RemoteReply<Option<Remaining>>);

    /// Returns some of the keys that begin with `prefix` and have records, and the cursor for the next call.
    /// The walk returns at least once every key that is present during the whole walk.
    fn scan(&self, prefix: RemoteKey, cursor: ScanCursor, reply: RemoteReply<ScanPage>);

    /// Sets a fence with this token. For `length`, the fence prevents leases of the key, and prevents storing
    /// with [`SetCondition::UnchangedUnfenced`]. Removes the key, with the lease in its slot, unless the key
    /// still has a fence with this token. A key may have fences of several tokens at a time. A repeated call
    /// with the same token extends its fence.
    fn fence(&self, key: RemoteKey, token: u128, length: Duration, reply: RemoteReply<()>);

    /// Removes the key, then the fence with this token.
    fn unfence(&self, key: RemoteKey, token: u128, reply: RemoteReply<()>);

    /// Ends the connection. The tier answers open and later requests with errors.
    fn close(&self);
}

/// A keyspace, as the cache registers it at the remote tier.
#[derive(Debug, Clone)]
pub struct RemoteKeyspace {
    /// The first 4 bytes of the keyspace's keys, big endian.
    pub number: u32,
    /// The keyspace's name.
    pub name: String,
    /// The version of the keyspace's values.
    pub version: u32,
    /// The name of the schema that declares the keyspace, if there is one.
    pub schema: Option<String>,
    /// The shape of the keyspace's keys, as text.
    pub shape: String,
    /// The format of the keyspace's values.
    pub format: Format,
    /// The number of first parts that the keys of a range have in common, or 0 if the keyspace has no ranges.
    pub range_parts: u8,
}

/// A record that was read from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRecord {
    /// The bytes, as they were passed to [`fill`](RemoteTier::fill), [`set`](RemoteTier::set) or
    /// [`commit`](RemoteTier::commit).
    pub bytes: Vec<u8>,
    /// The time until the end of the record's grace, read at the same moment as the bytes.
    pub left: Remaining,
    /// The generation of the connection that delivered the answer.
    pub generation: u64,
    /// Whether the near cache may keep the record: the server pushes changes of this key to this client.
    pub is_tracked: bool,
    /// The times of a record that was stored with [`Life::WhileUsed`], read at the same moment as the bytes.
    /// `None` for any other record.
    pub times: Option<RecordTimes>,
}

/// The times of a record whose life its uses extend, by the clock of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordTimes {
    /// The time since the record was stored.
    pub age: Duration,
    /// The time until the [limit](IdleLife::limit) of its life.
    pub limit: Remaining,
}

/// A use of a record that was stored with [`Life::WhileUsed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordUse {
    /// Identifies the record that was used: its bytes 20 to 23, big endian. They are random, so a record that
    /// has replaced it has the same mark with a probability of 2⁻³².
    pub mark: u32,
    /// The use extends the life only if less than this time is left.
    pub below: Duration,
    /// The new life, counted from the time at which the server applies the request.
    pub life: Duration,
}

/// The permission to fill a slot. The tier defines the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaseToken(pub Box<[u8]>);

/// The answer to [`RemoteTier::lease`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseReply {
    /// The slot has a record.
    Hit(RemoteRecord),
    /// The caller has the lease.
    Leased(LeaseToken),
    /// Another load has the lease. Unless it is renewed, the lease ends after this time at the latest.
    Busy(Duration),
    /// The key is being updated. The caller loads the value, and stores nothing.
    Fenced,
    /// The slot has no record, and the keyspace has no leases. The caller loads the value, and fills with an
    /// empty token.
    Unleased,
}

/// The answer to [`RemoteTier::fill`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FillReply {
    /// The record was stored.
    Stored {
        /// The generation of the connection that delivered the answer.
        generation: u64,
        /// Whether the near cache may keep the record: the server pushes later changes of this key to this
        /// client.
        is_tracked: bool,
    },
    /// Nothing was stored: the lease was no longer valid, or after `Unleased`, the key already had a value.
    Void,
}

/// The time for which a record is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Life {
    /// For this time, which begins when the server applies the request.
    For(Duration),
    /// Until the record is removed, replaced or evicted.
    Never,
    /// For the remaining time of the record that it replaces.
    Keep,
    /// Until the record has not been used for some time. Keyspaces in the raw format can't use this,
    /// because their slots have no room for the limit.
    WhileUsed(IdleLife),
}

/// The life of a record that its uses extend ([`RemoteTier::extend`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleLife {
    /// The life without a use. It begins when the server applies the request. It ends at the limit at the
    /// latest.
    pub left: Duration,
    /// The time at which the life ends, however often the record is used.
    pub limit: HardLimit,
    /// How long the server keeps the record after its life.
    pub grace: Duration,
}

/// The latest end of an [`IdleLife`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HardLimit {
    /// After this time, which begins when the server applies the request.
    For(Duration),
    /// No limit.
    Never,
    /// The limit of the record that it replaces. If uses do not extend the life of that record, the limit is
    /// the end of its life. Without a record, nothing is stored. Only for [`set`](RemoteTier::set) and
    /// [`commit`](RemoteTier::commit).
    Keep,
}

/// The condition under which [`RemoteTier::set`] stores a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetCondition {
    /// No condition.
    Always,
    /// The slot has no record.
    Absent,
    /// The slot has a record.
    Present,
    /// The slot has a record with these bytes.
    Unchanged(Vec<u8>),
    /// The slot has a record with these bytes, and the key has no fence.
    UnchangedUnfenced(Vec<u8>),
}

/// A condition of [`RemoteTier::commit`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitCondition {
    /// The slot has no record.
    Absent,
    /// The slot has a record with these bytes.
    Unchanged(Vec<u8>),
    /// The slot has a record with these bytes, and the grace of the record has not begun.
    Live(Vec<u8>),
    /// The slot has not changed since this token was returned. If it had a live value then, the value is
    /// still live.
    Watched(WatchToken),
}

/// A change of [`RemoteTier::commit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitChange {
    /// Stores this record for this life.
    Set(Vec<u8>, Life),
    /// Removes the record or the lease marker.
    Remove,
}

/// The content of a slot at one moment. The tier defines the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WatchToken(pub Box<[u8]>);

/// The position of a walk over keys. The walk begins at the default cursor, and ends with a page without a
/// next cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScanCursor(pub u64);

/// The answer to [`RemoteTier::scan`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScanPage {
    /// The keys, in no particular order. A later page may return a key again.
    pub keys: Vec<RemoteKey>,
    /// The cursor of the next page. `None` at the end of the walk.
    pub next: Option<ScanCursor>,
}
