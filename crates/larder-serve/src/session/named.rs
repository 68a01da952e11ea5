//! The databases that show a keyspace of the application. Clients see its keys as text.
//!
//! A key is shown as the keyspace's schema spells it, and otherwise in its literal form, as the command
//! `larder keys` prints it. A text is read in this order:
//!
//! 1. A text that begins with a quote or with `0x` is a literal key.
//! 2. A text that the keyspace's schema reads as a key of this keyspace is that key.
//! 3. Any other text is a literal key.
//!
//! Invariant: the text that is shown for a key is read as the same key. A spelling of the schema that (2)
//! would read as another key is not used. A literal form that (2) would read as a key is shown in quotes, or
//! as `0x` and the hexadecimal digits of its bytes.
//!
//! The application may open another version of the keyspace, with other keys. So a command uses one version
//! from its first key to its last ([`NamedVersion`]). If the application has opened another version
//! meanwhile, the command returns an error, and has changed nothing.

use std::fmt;

use larder::inspect::{KeyShape, KeySpelling, KeyValue, escape_control, spell_hex};
use larder::{Error, PinnedKeyspace, UntypedInfo, UntypedKeyspace};

pub(crate) type Spelling = &'static (dyn KeySpelling + Sync);

/// The spellings of schemas that a server knows.
#[derive(Clone, Default)]
pub(crate) struct Spellings(pub(crate) Vec<Spelling>);

impl fmt::Debug for Spellings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|spelling| spelling.schema())).finish()
    }
}

/// A database that shows a keyspace of the application.
#[derive(Debug)]
pub(crate) struct NamedDatabase {
    pub(crate) keyspace: UntypedKeyspace,
    spellings: Spellings,
}

/// One version of the keyspace, for one command.
#[derive(Debug)]
pub(crate) struct NamedVersion {
    pub(crate) keyspace: PinnedKeyspace,
    pub(crate) texts: KeyTexts,
}

/// Reads and shows the keys of a version of a keyspace.
pub(crate) struct KeyTexts {
    name: String,
    /// The shape of the keys. `None` if it does not consist of larder's own parts.
    shape: Option<KeyShape>,
    spelling: Option<Spelling>,
}

impl NamedDatabase {
    pub(crate) const fn new(keyspace: UntypedKeyspace, spellings: Spellings) -> Self {
        Self { keyspace, spellings }
    }

    /// Returns the present version of the keyspace.
    pub(crate) fn pin(&self) -> Result<NamedVersion, Error> {
        self.at(self.keyspace.pin()?)
    }

    /// Returns a version that an earlier call has pinned, or an error if it was replaced.
    pub(crate) fn at(&self, keyspace: PinnedKeyspace) -> Result<NamedVersion, Error> {
        let UntypedInfo { name, key_shape, schema, .. } = keyspace.info()?;
        let of_schema = |spelling: &&Spelling| schema.as_deref() == Some(spelling.schema());
        let spelling = self.spellings.0.iter().find(of_schema).copied();
        Ok(NamedVersion { keyspace, texts: KeyTexts { name, shape: key_shape.parse().ok(), spelling } })
    }
}

impl fmt::Debug for KeyTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyTexts").field("name", &self.name).finish_non_exhaustive()
    }
}

impl KeyTexts {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Reads the text of a key. Returns the encoded key.
    ///
    /// # Errors
    /// Returns [`Error::InvalidSetting`] with the text and the reason if `text` is not the text of a key.
    pub(crate) fn read(&self, text: &[u8]) -> Result<Vec<u8>, Error> {
        let invalid = |why: String| Error::InvalidSetting {
            setting: "key",
            value: format!("\"{}\"", escape_control(&String::from_utf8_lossy(text))),
            allowed: format!("it must be a key of keyspace {:?}: {why}", self.name),
        };
        let Ok(text) = std::str::from_utf8(text) else {
            return Err(invalid("a key is UTF-8 text".to_owned()));
        };
        if let Some(key) = self.spelled(text) {
            return Ok(key);
        }
        match &self.shape {
            Some(shape) => shape.parse_key(text).map_err(|error| invalid(error.to_string())),
            // Hexadecimal digits can be read without the shape.
            None if text.starts_with("0x") => {
                KeyShape::Unit.parse_key(text).map_err(|error| invalid(error.to_string()))
            }
            None => {
                let why = "its keys are of the application's own shape; give 0x and the hexadecimal digits of the bytes";
                Err(invalid(why.to_owned()))
            }
        }
    }

    pub(crate) fn show(&self, key: &[u8]) -> String {
        let Some(shape) = &self.shape else { return spell_hex(key) };
        let value = shape.decode(key).ok();
        let by_schema = |value: &KeyValue| self.spelling?.spell(&self.name, value);
        // The schema may read the spelling as another key, or as none.
        let reads_back = |spelled: &String| self.spelled(spelled).as_deref() == Some(key);
        if let Some(spelled) = value.as_ref().and_then(by_schema).filter(reads_back) {
            return spelled;
        }
        let literal = shape.spell_key(key);
        match value {
            _ if self.spelled(&literal).is_none() => literal,
            Some(text @ KeyValue::Text(_)) => text.to_string(),
            _ => spell_hex(key),
        }
    }

    /// Returns the key that the schema spells with this text, if the key belongs to this keyspace.
    fn spelled(&self, text: &str) -> Option<Vec<u8>> {
        if text.starts_with('"') || text.starts_with("0x") {
            return None;
        }
        let (keyspace, key) = self.spelling?.read(text)?;
        if keyspace != self.name {
            return None;
        }
        self.shape.as_ref()?.encode(&key).ok()
    }
}
