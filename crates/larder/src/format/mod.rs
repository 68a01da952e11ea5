//! The encodings of keys, values and records. The code in this module does no I/O and reads no clock.

pub(crate) mod codec;
pub(crate) mod escape;
pub(crate) mod key;
pub(crate) mod keyspace_id;
pub(crate) mod range_tombstone;
pub(crate) mod record;
pub(crate) mod stored_key;
