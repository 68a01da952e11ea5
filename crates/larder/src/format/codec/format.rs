//! The format of a keyspace's values.

use std::fmt;

/// The encoding of a keyspace's values. It is declared with the keyspace. To change the format, change the
/// keyspace's version.
///
/// ```
/// use larder::{Cache, Format, KeyspaceDefinition};
///
/// const SETTINGS: KeyspaceDefinition<String, serde_json::Value> =
///     KeyspaceDefinition::new("settings").format(Format::MessagePack);
///
/// let cache = Cache::builder().open()?;
/// let settings = cache.keyspace(SETTINGS)?;
/// settings.insert("theme", serde_json::json!({"dark": true}))?;
/// assert_eq!(settings.get("theme").unwrap()["dark"], true);
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// [bincode](https://docs.rs/bincode/2.0.1): the values one after another, without names. It is more
    /// compact and faster than MessagePack.
    ///
    /// This format suits types whose parts are always the same. It cannot carry omitted fields
    /// (`skip_serializing_if`), flattened structs, enums with `tag` or `untagged`, or types such as
    /// `serde_json::Value` that accept any shape. `insert` refuses such a value if larder can detect the
    /// problem. A record has a fingerprint of the written parts. So a value is read back unchanged, or not at
    /// all.
    #[default]
    Bincode,
    /// [MessagePack](https://msgpack.org), with the names of fields. This format describes itself, so any
    /// type that JSON can carry is read back. The encoding is about twice as long as in bincode. Types are
    /// written in their human-readable form: an address is text, not bytes.
    ///
    /// This format cannot carry `Some(None)` and `Some(())`, because it would write both as `None`. It
    /// cannot carry a 128-bit integer in a value that serde buffers (a flattened field, an untagged or
    /// internally tagged enum).
    MessagePack,
    /// The bytes of the value, unchanged. This format suits `Vec<u8>`, `Box<[u8]>`, `String`, and types that
    /// serialize as bytes, text or a sequence of bytes.
    Raw,
}

impl Format {
    /// Returns the name of the format: `bincode`, `MessagePack` or `raw`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bincode => "bincode",
            Self::MessagePack => "MessagePack",
            Self::Raw => "raw",
        }
    }

    /// Returns the number that represents the format in a file.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Bincode => 0,
            Self::MessagePack => 1,
            Self::Raw => 2,
        }
    }

    /// Returns the format with this number, or `None` if this version does not know the number.
    pub(crate) const fn of_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Bincode),
            1 => Some(Self::MessagePack),
            2 => Some(Self::Raw),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_formats_are_pinned() {
        for (format, code) in [(Format::Bincode, 0), (Format::MessagePack, 1), (Format::Raw, 2)] {
            assert_eq!((format.code(), Format::of_code(code)), (code, Some(format)));
        }
        assert_eq!(Format::of_code(3), None);
    }
}
