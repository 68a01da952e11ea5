//! The interface to a remote tier: a server with a cache that several machines share, instead of a file.
//!
//! The cache knows the server only as a [`RemoteTier`]. The crate `larder-redis` implements it. [`NearTier`]
//! is the other direction: the tier reports changes at the server to the cache.
//!
//! The protocol, over one connection at a time. A *push* says that the slot of a key has changed at the
//! server.
//!
//! 1. The tier asks the server to push the changes of the keys that this client reads, and waits for the
//!    answer. It sends no request of the cache before that. The connection then has a new
//!    [generation](RemoteTier::generation).
//! 2. One thread reads the connection. It handles answers and pushes in the order of the stream. A push is
//!    handled by a call of [`NearTier`], which has returned before any later answer is sent.
//! 3. The cache takes the epoch token of a key, then gives the request to the tier, then fills the key under
//!    the lock of its shard, if the token still holds and the generation of the answer is the present one. A
//!    push of (2) voids the token.
//! 4. When the connection is lost, the tier first moves the generation and makes [`validity`] nothing. Then
//!    it calls [`NearTier::invalidate_all`]. Then it answers the open requests with errors. Only after that
//!    may it connect again.
//! 5. A value in memory may be answered if the validity that was read *before* the value is still current
//!    *after* the value was read. The validity of a connection ends `S` after the *send* time of a PING that
//!    was answered, so that every push of a change that was acknowledged before that time has been handled
//!    when the validity is read. The clock of the validity counts while the machine is suspended.
//!
//! A key of a request is the keyspace's number (4 bytes, big endian) and the encoded key. The number is
//! valid in this process only. The tier finds the name at the server by [`register`](RemoteTier::register).
//!
//! **A slot** at the server holds a record, a lease marker, or nothing. A lease marker is never a value: for
//! [`get`](RemoteTier::get) it is a miss. The bytes of a record are the core's, and begin with a checksum and
//! a format number. A record in [`Format::Raw`](crate::Format::Raw) is the value alone. The tier stores them
//! unchanged, after its own mark if it needs one. Except for raw records, no two writes have the same bytes,
//! so equal bytes mean an unchanged slot.
//!
//! **A range** is all keys with a common prefix. Removing one replaces its random generation. A record is a
//! miss if it was filled or set under another generation of a range that contains it. The [`LeaseToken`] may
//! carry the generations that were read with the lease.
//!
//! Every request is answered within the tier's own time limit. A request that is dropped is answered with an
//! error ([`RemoteReply`]).
//!
//! [`validity`]: RemoteTier::validity

pub(crate) mod near;
pub(crate) mod reply;
pub(crate) mod tier;

pub use near::NearTier;
pub use reply::{RemoteAnswer, RemoteReply, RemoteResult, reply};
pub use tier::{
    FillReply, LeaseReply, LeaseToken, Life, RemoteKey, RemoteKeyspace, RemoteRecord, RemoteTier, ScanCursor,
    ScanPage, SetCondition, Validity,
};
