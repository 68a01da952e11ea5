//! Requests and replies as bytes, without input and output.

pub(crate) mod command;
pub(crate) mod parser;
pub(crate) mod reply;
