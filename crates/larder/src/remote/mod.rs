//! The interface to a remote tier: a server that several machines share as their second tier, instead of a
//! file.
//!
//! The cache sends its requests through a [`RemoteTier`], which the crate `larder-redis` implements. In the
//! other direction, the tier reports changes at the server to the cache through a [`NearTier`].
//!
//! The protocol uses one connection at a time. A *push* is a message from the server: the slots of some
//! keys, or possibly all slots, have changed.
//!
//! 1. After connecting, the tier asks the server to push the changes of all keys that this client will read,
//!    and waits for the answer. Until then it sends no request of the cache. The connection then gets a new
//!    [generation](RemoteTier::generation).
//! 2. One thread reads the connection, and handles answers and pushes in the order of the stream. For a push,
//!    it calls [`NearTier`]. It delivers no later answer before that call has returned.
//! 3. The cache takes the epoch token of a key, then passes the request to the tier. It then fills the key
//!    under the lock of its shard, if the token still holds and the answer has the current generation. A push
//!    of (2) voids the token.
//! 4. When the connection is lost, the tier first changes the generation and [ends](Validity::end) the
//!    [`validity`]. Then it calls [`NearTier::invalidate_all`]. Then it answers the open requests with
//!    errors. Only after that may it connect again.
//! 5. The cache may return a value from memory only if the validity that it read *before* the value is still
//!    current *after* it has read the value. The validity of a connection ends a fixed time after the *send*
//!    time of a PING, or earlier. The tier counts a PING only after it has handled the pushes of
//!    all changes that the server had acknowledged before the PING was sent. The clock of the validity keeps
//!    counting while the machine is suspended.
//!
//! A key in a request is the keyspace's number (4 bytes, big endian), then the encoded key. The number is
//! valid in this process only. [`register`](RemoteTier::register) tells the tier the name and the version to
//! use at the server.
//!
//! **A slot** at the server holds a record, a lease marker, a watch mark, or nothing. A lease marker is never
//! a value: for [`get`](RemoteTier::get) it is a miss. A watch mark stands for an empty slot: any change of
//! the slot ends it ([`watch`](RemoteTier::watch)). The bytes of a record, which larder encodes, begin with a
//! checksum and a format number. A record in [`Format::Raw`](crate::Format::Raw) is the value alone. The tier
//! stores the bytes unchanged, after a header of its own if it needs one. Except for raw records, no two
//! writes have the same bytes, so equal bytes mean an unchanged slot.
//!
//! **A use** of a record in a keyspace with a time to idle [extends](RemoteTier::extend) its life at the
//! server. With such a record, the tier stores two times by the clock of the server: when the record was
//! stored, and when its life ends at the latest. For `extend`, the tier reads the header of the record: the
//! mark in bytes 20 to 23, the expiry in bytes 32 to 39, and the end of the grace in bytes 40 to 47. The
//! difference of the last two is the length of the grace.
//!
//! **A range** is all keys with a common prefix. After a removal of the range, no earlier record of these
//! keys is found, and no earlier lease fills a slot. A tier may remove the slots one by one. It may also give
//! a range a random generation, which ends with the removal: every record and every lease of this generation
//! is then void. The [`LeaseToken`] may carry the generations that were read with the lease.
//! [`range_parts`](RemoteKeyspace::range_parts) names the ranges of a keyspace that may have a generation.
//! When the server pushes the removal of such a range, the tier calls [`NearTier::invalidate_range`].
//!
//! The tier answers every request within its own time limit. If it drops a [`RemoteReply`], the caller gets
//! an error.
//!
//! [`validity`]: RemoteTier::validity

pub(crate) mod near;
pub(crate) mod reply;
pub(crate) mod tier;
pub(crate) mod validity;

pub use near::NearTier;
pub use reply::{RemoteAnswer, RemoteReply, RemoteResult, reply};
pub use tier::{
    CommitChange, CommitCondition, FillReply, HardLimit, IdleLife, LeaseReply, LeaseToken, Life, RecordTimes,
    RecordUse, RemoteKey, RemoteKeyspace, RemoteRecord, RemoteTier, ScanCursor, ScanPage, SetCondition,
    WatchToken,
};
pub use validity::{ValidUntil, Validity, boot_time};
