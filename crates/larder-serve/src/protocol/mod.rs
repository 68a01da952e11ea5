//! Redis' protocol, without input and output: bytes become requests, and replies become bytes.
//!
//! - [`parser`]: cuts requests out of a buffer. It copies nothing, and it checks every length before anything
//!   is allocated for it. [`inline`]: requests as a line of words.
//! - [`arguments`]: the words of a request, read in place.
//! - [`limits`]: how large a request may be.
//! - [`number`]: integers in the only form that Redis accepts.
//! - [`reply`]: writes replies for RESP2 or RESP3.

pub(crate) mod arguments;
mod inline;
pub(crate) mod limits;
pub(crate) mod number;
pub(crate) mod parser;
pub(crate) mod reply;
pub(crate) mod sha1;
