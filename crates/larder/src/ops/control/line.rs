//! A line of the protocol: a JSON object with the version, and a line end.

use serde_json::Value;

/// The version of the protocol, sent as `v` in every request and answer. It is raised when the meaning of a
/// request changes.
pub const PROTOCOL: u32 = 1;

pub(super) fn to_line(value: &Value) -> Vec<u8> {
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}
