//! Requests and replies as bytes, without I/O.
#![cfg_attr(
    not(any(test, feature = "test-util")),
    allow(unreachable_pub, reason = "fuzz targets use the parser, with the feature `test-util`")
)]

pub(crate) mod command;
pub(crate) mod parser;
pub(crate) mod reply;
