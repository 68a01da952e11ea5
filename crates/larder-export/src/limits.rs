//! The limits of an export, which writers and readers check.

use crate::item::{Entry, Keyspace};

/// The version of the formats. A reader refuses newer versions.
pub const FORMAT: u32 = 2;
/// Maximum length of a key in bytes, the same as in larder.
pub const MAX_KEY_LEN: usize = 4096;
/// Maximum length of a value in bytes, the same as in larder.
pub const MAX_VALUE_LEN: usize = 64 << 20;
/// Maximum length in bytes of a keyspace's name and of its schema's name, the same as in larder.
pub const MAX_NAME_LEN: usize = 255;
/// Maximum length in bytes of the text that describes the shape of a keyspace's keys.
pub const MAX_SHAPE_LEN: usize = 4096;
/// The highest compression number: 0 none, 1 LZ4, 2 Zstandard.
pub const MAX_COMPRESSION: u8 = 2;
/// Maximum number of keyspaces in an export.
pub const MAX_KEYSPACES: usize = 65_536;

/// Checks a keyspace. `names` has the names of the keyspaces before it. The error says what is wrong.
pub(crate) fn check_keyspace(keyspace: &Keyspace, names: &[String]) -> Result<(), String> {
    let Keyspace { name, key_shape, schema, .. } = keyspace;
    if !(1..=MAX_NAME_LEN).contains(&name.len()) {
        return Err(format!("its name has {} bytes; it may have 1 to {MAX_NAME_LEN}", name.len()));
    }
    if let Some(schema) = schema.as_ref().filter(|schema| !(1..=MAX_NAME_LEN).contains(&schema.len())) {
        return Err(format!("its schema's name has {} bytes; it may have 1 to {MAX_NAME_LEN}", schema.len()));
    }
    if key_shape.len() > MAX_SHAPE_LEN {
        return Err(format!(
            "the shape of its keys has {} bytes; the maximum is {MAX_SHAPE_LEN}",
            key_shape.len()
        ));
    }
    if names.len() >= MAX_KEYSPACES {
        return Err(format!("{MAX_KEYSPACES} keyspaces come before it, which is the maximum"));
    }
    if names.contains(name) {
        return Err(format!("the keyspace {name:?} came before"));
    }
    Ok(())
}

/// Checks the lengths of an entry's key and value, its compression, and that an absence has neither a
/// compression nor a fingerprint. The error says what is wrong.
pub(crate) fn check_entry(entry: &Entry) -> Result<(), String> {
    let value_len = entry.value.as_ref().map_or(0, Vec::len);
    for (what, len, max) in [("key", entry.key.len(), MAX_KEY_LEN), ("value", value_len, MAX_VALUE_LEN)] {
        if len > max {
            return Err(format!("its {what} has {len} bytes; the maximum is {max}"));
        }
    }
    if entry.compression > MAX_COMPRESSION {
        return Err(format!("its compression has the unknown number {}", entry.compression));
    }
    if entry.value.is_none() && (entry.compression != 0 || entry.fingerprint.is_some()) {
        return Err("it is an absence, and has the compression or the fingerprint of a value".to_owned());
    }
    Ok(())
}
