//! How the values of a keyspace become bytes.

use std::fmt;

/// How the values of a keyspace become bytes. Declared with the keyspace, and kept with it: another format is
/// another version.
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
    /// [bincode](https://docs.rs/bincode/2.0.1): the values one after another, without names. The most
    /// compact, and the fastest.
    ///
    /// For types whose parts are always the same: not for fields that are left out (`skip_serializing_if`),
    /// flattened structs, enums with `tag` or `untagged`, and values of any shape. A record carries a
    /// fingerprint of what was written, so a value comes back as it was or not at all; what can be seen to be
    /// of such a type is refused by `insert`.
    #[default]
    Bincode,
    /// [MessagePack](https://msgpack.org), with the names of fields: it describes itself, so any type that
    /// JSON carries can be read back. About twice as long as bincode. Types are asked for their
    /// human-readable form: an address is text, not bytes.
    ///
    /// It can't carry `Some(None)` and `Some(())`, which it writes as `None`, nor a 128-bit integer in what
    /// serde buffers (a flattened field, an untagged or internally tagged enum).
    MessagePack,
    /// The bytes of the value as they are: for `Vec<u8>`, `Box<[u8]>`, `String`, and types that serialize as
    /// bytes, text or a sequence of bytes. Nothing is encoded.
    Raw,
}

impl Format {
    /// Its name: `bincode`, `MessagePack` or `raw`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bincode => "bincode",
            Self::MessagePack => "MessagePack",
            Self::Raw => "raw",
        }
    }

    /// The number that stands for it in a file.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Bincode => 0,
            Self::MessagePack => 1,
            Self::Raw => 2,
        }
    }

    /// The format of a number; none of one that this version does not know.
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
