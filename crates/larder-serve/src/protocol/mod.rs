//! The Redis protocol, without I/O. Parses requests and writes replies.
//!
//! - [`parser`]: parses requests in a buffer without copying them. [`inline`]: requests that are a line of
//!   words.
//! - [`arguments`]: the words of a request, without a copy.
//! - [`limits`]: the maximum size of a request.
//! - [`number`]: integers in the only form that Redis accepts.
//! - [`reply`]: writes replies for RESP2 or RESP3. [`sha1`]: the hashes of scripts.

pub(crate) mod arguments;
mod inline;
pub(crate) mod limits;
pub(crate) mod number;
pub(crate) mod parser;
pub(crate) mod reply;
pub(crate) mod sha1;
