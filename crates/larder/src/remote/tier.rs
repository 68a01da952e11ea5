//! The remote tier: the requests of the cache, and their answers. The order that a tier keeps is in
//! [`crate::remote`].

use std::fmt::Debug;
use std::sync::Weak;
use std::time::Duration;

use super::near::NearTier;
use super::reply::RemoteReply;
use crate::error::remote_error::RemoteError;
use crate::format::codec::format::Format;
use crate::units::Remaining;

/// A key of a request: the keyspace's number, and the encoded key.
pub type RemoteKey = Box<[u8]>;

/// A server that several caches share, behind one connection.
///
/// A method with a [`RemoteReply`] gives the request to the connection and returns. It does not wait for the
/// network. The answer comes through the [`RemoteReply`], from any thread. [`larder::remote`](crate::remote)
/// has the order that the tier keeps.
pub trait RemoteTier: Debug + Send + Sync {
    /// Sets the near cache that the pushes go to. Called before the first request.
    ///
    /// # Errors
    /// The tier has a near cache already, of this or another cache. Its pushes go to one near cache, so
    /// another one would be stale.
    fn attach(&self, near: Weak<dyn NearTier>) -> Result<(), RemoteError>;

    /// Registers a keyspace, before its first request. The name and the version identify the keyspace on all
    /// machines. Called again when a keyspace is opened again, with a new number.
    ///
    /// # Errors
    /// The tier can't hold this keyspace.
    fn register(&self, keyspace: RemoteKeyspace) -> Result<(), RemoteError>;

    /// Returns a text that names the server, for errors and reports, without a password.
    fn name(&self) -> String;

    /// Returns the generation of the present connection. It is never that of an earlier connection, and moves
    /// as soon as a connection is lost.
    fn generation(&self) -> u64;

    /// Returns the time for which values in memory may be answered, as known now. One atomic read.
    fn validity(&self) -> Validity;

    /// Returns whether the time of a validity has not passed. Reads a clock. Called after the value was read.
    fn is_current(&self, validity: Validity) -> bool;

    /// Reads the record of a key, and the time that it has left, at one moment. A lease marker is a miss.
    fn get(&self, key: RemoteKey, reply: RemoteReply<Option<RemoteRecord>>);

    /// Reads several records, like [`get`](RemoteTier::get). The answers are in the order of the keys. Each
    /// record is read at its own moment.
    fn get_many(&self, keys: Vec<RemoteKey>, reply: RemoteReply<Vec<Option<RemoteRecord>>>);

    /// Reads a key, or takes the lease to fill it for `length`, at one moment. A lease of `Busy` belongs to
    /// another client or to an earlier request. If the key has a fence, the answer is `Fenced`. A keyspace in
    /// the plain format has no leases, and is answered `Unleased` on a miss.
    fn lease(&self, key: RemoteKey, length: Duration, reply: RemoteReply<LeaseReply>);

    /// Replaces the lease marker that has this token with a record. Any change of the slot since the lease
    /// was taken, and any removal of a range that contains the key, makes the answer `Void`. Then nothing is
    /// stored. `Unleased` loads fill with an empty token, which stores if the key has no value.
    fn fill(
        &self,
        key: RemoteKey,
        token: LeaseToken,
        record: Vec<u8>,
        life: Life,
        reply: RemoteReply<FillReply>,
    );

    /// Extends a lease to `length` from now. The answer is whether the lease still holds.
    fn renew(&self, key: RemoteKey, token: LeaseToken, length: Duration, reply: RemoteReply<bool>);

    /// Returns a lease to the server without a value. The answer is whether the lease held until then.
    fn release(&self, key: RemoteKey, token: LeaseToken, reply: RemoteReply<bool>);

    /// Stores a record under a condition. The answer is whether it is stored. Replaces a lease marker, whose
    /// lease is void then. A lease marker is no value for the condition.
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

    /// Removes keys, with the leases in their slots. The answer is the number of records that were there.
    fn remove(&self, keys: Vec<RemoteKey>, reply: RemoteReply<u64>);

    /// Removes all keys that begin with `prefix`, and voids every lease on them. The prefix is at least a
    /// keyspace's number, and ends at any byte. The tier may remove more than that, never less. The answer is
    /// the number of records that were there, as far as it is known.
    fn remove_range(&self, prefix: RemoteKey, reply: RemoteReply<u64>);

    /// Removes all keys under the prefix of this tier at the server: of all keyspaces and all clients.
    fn remove_all(&self, reply: RemoteReply<u64>);

    /// Changes the time that a record has left. The answer is whether the key had a record.
    fn expire(&self, key: RemoteKey, life: Life, reply: RemoteReply<bool>);

    /// Returns the time that a record has left.
    fn ttl(&self, key: RemoteKey, reply: RemoteReply<Option<Remaining>>);

    /// Returns some keys with records that begin with `prefix`, and the cursor for the next call. Every key
    /// that is present during the whole walk is returned at least once.
    fn scan(&self, prefix: RemoteKey, cursor: ScanCursor, reply: RemoteReply<ScanPage>);

    /// Prevents leases of a key for `length`, by a fence with this token. Voids the lease in the slot of the
    /// key. Fences of several tokens are counted. A repeated call extends the fence.
    fn fence(&self, key: RemoteKey, token: u128, length: Duration, reply: RemoteReply<()>);

    /// Removes the key, then the fence with this token.
    fn unfence(&self, key: RemoteKey, token: u128, reply: RemoteReply<()>);

    /// Ends the connection. The tier answers open and later requests with errors.
    fn close(&self);
}

/// A keyspace, with the data by which the remote tier names it.
#[derive(Debug, Clone)]
pub struct RemoteKeyspace {
    /// The first 4 bytes of the keyspace's keys, big endian.
    pub number: u32,
    /// The keyspace's name.
    pub name: String,
    /// The version of its values.
    pub version: u32,
    /// The shape of its keys, as text.
    pub shape: String,
    /// The format of its values.
    pub format: Format,
}

/// The time for which values in memory may be answered. The tier defines the meaning of the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Validity(pub u64);

impl Validity {
    /// No value in memory may be answered.
    pub const NONE: Self = Self(0);
}

/// A record that was read from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRecord {
    /// The bytes, as they were passed to [`fill`](RemoteTier::fill) or [`set`](RemoteTier::set).
    pub bytes: Vec<u8>,
    /// The time that it has left, read at the same moment as the bytes.
    pub left: Remaining,
    /// The generation of the connection that the answer came from.
    pub generation: u64,
    /// Whether the near cache may keep it: the server pushes the changes of this key to this client.
    pub is_tracked: bool,
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
    /// Another load has the lease, which ends after this time at the latest.
    Busy(Duration),
    /// The key is being updated. The caller loads it, and stores nothing.
    Fenced,
    /// The slot has no record, and the keyspace has no leases. The caller loads it, and fills with an empty
    /// token.
    Unleased,
}

/// The answer to [`RemoteTier::fill`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FillReply {
    /// The record is stored.
    Stored {
        /// The generation of the connection that the answer came from.
        generation: u64,
        /// Whether the near cache may keep it: the server pushes later changes of this key to this client.
        is_tracked: bool,
    },
    /// The lease was no longer valid. Nothing is stored.
    Void,
}

/// The time for which a record is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Life {
    /// For this time, starting when the server applies the request.
    For(Duration),
    /// Until it is removed, replaced or evicted.
    Never,
    /// As long as the record that it replaces.
    Keep,
}

/// The condition under which [`RemoteTier::set`] stores a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetCondition {
    /// None.
    Always,
    /// The slot has no record.
    Absent,
    /// The slot has a record.
    Present,
    /// The slot has a record of these bytes.
    Unchanged(Vec<u8>),
}

/// The place of a walk over keys. The walk begins with the default cursor, and ends with an answer without a
/// cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScanCursor(pub u64);

/// The answer to [`RemoteTier::scan`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScanPage {
    /// The keys, in no order. A key may be returned again in a later page.
    pub keys: Vec<RemoteKey>,
    /// The cursor of the next page. `None` at the end of the walk.
    pub next: Option<ScanCursor>,
}
