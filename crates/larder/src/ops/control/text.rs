//! Parses keys in requests. A key is written in the shape of its keyspace's keys, as
//! `larder keys --keyspace NAME` shows it, or as `0x` and the hexadecimal digits of its bytes.

use super::refusal::{Refusal, RefusalKind};
use crate::format::key::MAX_KEY_LEN;
use crate::format::key::error::KeyError;
use crate::format::key::shape::KeyShape;
use crate::format::key::spelling::read_hex;

pub(super) fn key(shape: Option<&str>, text: &str) -> Result<Vec<u8>, Refusal> {
    bytes(shape, text, KeyShape::parse_key)
}

pub(super) fn prefix(shape: Option<&str>, text: &str) -> Result<Vec<u8>, Refusal> {
    bytes(shape, text, KeyShape::parse_prefix)
}

fn bytes(
    shape: Option<&str>,
    text: &str,
    parse: impl FnOnce(&KeyShape, &str) -> Result<Vec<u8>, KeyError>,
) -> Result<Vec<u8>, Refusal> {
    const REMEDY: &str =
        "spell it as `larder keys --keyspace NAME` shows it, or as 0x and the digits of its bytes";
    let bad = |cause: String| Refusal::new(RefusalKind::BadKey, cause, REMEDY);
    let found = match read_hex(text) {
        Some(bytes) => bytes,
        None => match shape.map(str::parse::<KeyShape>) {
            Some(Ok(shape)) => parse(&shape, text),
            Some(Err(error)) => Err(error),
            None => {
                return Err(bad(
                    "the keyspace is not open in this process, which so can't read its keys".to_owned()
                ));
            }
        },
    };
    let found = found.map_err(|error| bad(error.to_string()))?;
    if found.len() > MAX_KEY_LEN {
        return Err(bad(format!("the key is {} bytes encoded; the most is {MAX_KEY_LEN}", found.len())));
    }
    Ok(found)
}
