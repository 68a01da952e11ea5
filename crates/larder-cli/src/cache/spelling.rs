//! Decides which key a text means, and how a key is shown.
//!
//! A schema may define a spelling of its keys. In the shop's schema, `product_MTNVTU` is the key `MTNVTU` of
//! keyspace `product`. A spelling applies only to a keyspace for which the file records that schema. The name
//! and the shape of a keyspace are not enough: any application may have a keyspace `product` with string
//! keys.
//!
//! | | text | means |
//! |---|---|---|
//! | `--keyspace NAME` | any | the key itself |
//! | without | in quotes, or `0x…` | the key itself, if there is one keyspace; else it is refused |
//! | without | a schema's spelling, and there is a keyspace of that schema | the key that is spelled |
//! | without | any other | the key itself, if there is one keyspace; else it is refused |
//!
//! Invariant, for every key of every set of keyspaces: [`choose`] never reads the text that [`Speller`] shows
//! for the key as another key. With the same `--keyspace`, it reads the same key, or refuses the text because
//! `--keyspace` is missing. With the keyspace that is shown beside the text, it always reads the same key.

use std::path::Path;

use larder::inspect::{KeyShape, KeySpelling, KeyValue, KeyspaceInfo, escape_control, spell_hex};
use larder_product::ProductKeySpelling;

use crate::term::exit::{Exit, Failure};
use crate::term::shell::shell_word;

/// The spellings of schemas that this command can read and write.
pub(crate) static SPELLINGS: [&(dyn KeySpelling + Sync); 1] = [&ProductKeySpelling];

/// The properties of a keyspace that determine how its keys are read and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeySyntax<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: &'a str,
    pub(crate) schema: Option<&'a str>,
}

impl<'a> KeySyntax<'a> {
    pub(crate) fn of(info: &'a KeyspaceInfo) -> Self {
        Self { name: &info.name, shape: &info.key_shape, schema: info.schema.as_deref() }
    }

    pub(crate) fn shape(self) -> Option<KeyShape> {
        self.shape.parse().ok()
    }

    /// Parses the literal form of a key. Returns the encoded key.
    pub(crate) fn read(self, text: &str) -> Result<Vec<u8>, Failure> {
        let usage = |why: String| Failure::new(Exit::Usage, why);
        let Some(shape) = self.shape() else {
            // Hexadecimal digits can be parsed without knowing the shape.
            let bytes = if text.starts_with("0x") { KeyShape::Unit.parse_key(text).ok() } else { None };
            return bytes.ok_or_else(|| self.needs_hex("the key"));
        };
        let advise = |error| usage(with_advice(&error, AlternativeReading::of_key(self, text)));
        shape.parse_key(text).map_err(advise)
    }

    /// Parses the literal form of a prefix. Returns the encoded prefix.
    pub(crate) fn read_prefix(self, text: &str) -> Result<Vec<u8>, Failure> {
        let Some(shape) = self.shape() else {
            // The shape `()` accepts only hexadecimal digits as a prefix.
            let bytes = if text.starts_with("0x") { KeyShape::Unit.parse_prefix(text).ok() } else { None };
            return bytes.ok_or_else(|| self.needs_hex("the prefix"));
        };
        let advise =
            |error| Failure::new(Exit::Usage, with_advice(&error, AlternativeReading::of_prefix(self, text)));
        shape.parse_prefix(text).map_err(advise)
    }

    /// Returns the failure for a key or prefix that cannot be parsed because the shape of the keys is
    /// unknown.
    fn needs_hex(self, what: &str) -> Failure {
        let why = match self.shape {
            "" => format!(
                "the process has not opened keyspace {:?}, and its file is not visible from here",
                self.name
            ),
            shape => format!("keyspace {:?} has keys of the application's own shape {shape:?}", self.name),
        };
        let text = format!("{why}; give {what} as 0x and the hexadecimal digits of its bytes");
        Failure::new(Exit::Usage, text)
    }

    /// Returns an error text if the shape is known and the bytes are not a key of this shape. A damaged file
    /// may still have a record with such a key.
    pub(crate) fn no_key(self, key: &[u8]) -> Option<String> {
        self.shape()?.decode(key).is_err().then(|| {
            format!(
                "{} are not the bytes of a key of shape {}; give the key itself, or its `key_bytes` of `larder keys --json`",
                spell_hex(key),
                self.shape
            )
        })
    }

    /// Returns the literal form of a key.
    pub(crate) fn show(self, key: &[u8]) -> String {
        self.shape().map_or_else(|| spell_hex(key), |shape| shape.spell_key(key))
    }
}

fn with_advice(error: &larder::KeyError, other: Option<AlternativeReading<'_>>) -> String {
    other.map_or_else(|| error.to_string(), |other| format!("{error}; {}", other.advice()))
}

/// Returns whether a text can only be a literal key, because it is in quotes or in hexadecimal.
fn is_literal(text: &str) -> bool {
    text.starts_with('"') || text.starts_with("0x")
}

/// Returns the keys that a text spells in keyspaces of the spelling's schema. Returns several only if two
/// schemas use the same spelling for two keys.
fn spelled<'a>(keyspaces: &[KeySyntax<'a>], text: &str) -> Vec<(KeySyntax<'a>, Vec<u8>)> {
    if is_literal(text) {
        return Vec::new();
    }
    let read = SPELLINGS.iter().filter_map(|spelling| {
        let (name, key) = spelling.read(text)?;
        let is_meant = |of: &&KeySyntax<'a>| of.name == name && of.schema == Some(spelling.schema());
        let keyspace = keyspaces.iter().find(is_meant)?;
        Some((*keyspace, keyspace.shape()?.encode(&key).ok()?))
    });
    read.collect()
}

/// Decides which keyspace and key a text means.
pub(crate) fn choose<'a>(
    keyspaces: &[KeySyntax<'a>],
    name: Option<&str>,
    text: &str,
) -> Result<(KeySyntax<'a>, Vec<u8>), Failure> {
    if let Some(name) = name {
        let keyspace = pick(keyspaces, name)?;
        return Ok((keyspace, keyspace.read(text)?));
    }
    let shown = escape_control(text);
    match (&mut spelled(keyspaces, text)[..], keyspaces) {
        ([(keyspace, key)], _) => Ok((*keyspace, std::mem::take(key))),
        ([], [only]) => Ok((*only, only.read(text)?)),
        ([], []) => Err(Failure::new(Exit::No, format!("no key {shown}: the file has no keyspace"))),
        ([], keyspaces) => {
            let which = names_of(keyspaces);
            let other = keyspaces.iter().find_map(|keyspace| AlternativeReading::of_key(*keyspace, text));
            let advice = other.map_or_else(String::new, |other| format!("; {}", other.advice()));
            let text = format!("which keyspace is {shown} of? Give --keyspace; {which}{advice}");
            Err(Failure::new(Exit::Usage, text))
        }
        (several, _) => {
            let ways: Vec<String> = several.iter().map(|(of, key)| literally(*of, &of.show(key))).collect();
            let text = format!("{shown} is the spelling of several keys; give {}", ways.join(" or "));
            Err(Failure::new(Exit::Usage, text))
        }
    }
}

/// Returns the keyspace with a name. Otherwise fails with a list of the existing keyspaces.
pub(crate) fn pick<'a>(keyspaces: &[KeySyntax<'a>], name: &str) -> Result<KeySyntax<'a>, Failure> {
    let found = keyspaces.iter().copied().find(|keyspace| keyspace.name == name);
    found.ok_or_else(|| no_such_keyspace(keyspaces, name))
}

/// Returns the failure for a `--keyspace` that the cache does not have.
pub(crate) fn no_such_keyspace(keyspaces: &[KeySyntax<'_>], name: &str) -> Failure {
    Failure::new(Exit::No, format!("there is no keyspace {name:?}; {}", names_of(keyspaces)))
}

/// Returns a text that lists the keyspaces of a cache.
fn names_of(keyspaces: &[KeySyntax<'_>]) -> String {
    let names: Vec<_> = keyspaces.iter().map(|keyspace| escape_control(keyspace.name)).collect();
    if names.is_empty() {
        "the file has none".to_owned()
    } else {
        format!("the file has {}", names.join(", "))
    }
}

/// Returns the command line words that name exactly this key.
pub(crate) fn literally(keyspace: KeySyntax<'_>, key: &str) -> String {
    format!("--keyspace {} {}", shell_word(keyspace.name), shell_word(key))
}

/// The form in which the keys of one answer are shown.
#[derive(Debug)]
pub(crate) enum Speller<'a> {
    /// With `--keyspace`: keys in their literal form.
    Literal,
    /// Without `--keyspace`: keys of a schema's keyspace in the spelling of the schema, other keys in their
    /// literal form. A literal form is quoted, or replaced by hexadecimal digits, if [`choose`] would
    /// otherwise read it as the spelling of a key.
    Spelled(Vec<KeySyntax<'a>>),
}

impl<'a> Speller<'a> {
    /// Returns the speller for these keyspaces. `name` is the value of `--keyspace`.
    pub(crate) fn new(name: Option<&str>, keyspaces: impl Iterator<Item = KeySyntax<'a>>) -> Self {
        if name.is_some() { Self::Literal } else { Self::Spelled(keyspaces.collect()) }
    }

    /// Returns the speller for the keyspaces of a file. `name` is the value of `--keyspace`.
    pub(crate) fn of(name: Option<&str>, info: &'a [KeyspaceInfo]) -> Self {
        Self::new(name, info.iter().map(KeySyntax::of))
    }

    pub(crate) fn spell(&self, keyspace: KeySyntax<'_>, key: &[u8]) -> String {
        let literal = || keyspace.show(key);
        let Self::Spelled(keyspaces) = self else { return literal() };
        let value = keyspace.shape().and_then(|shape| shape.decode(key).ok());
        let by_schema = |value: &KeyValue| {
            let spelling = SPELLINGS.iter().find(|of| keyspace.schema == Some(of.schema()))?;
            spelling.spell(keyspace.name, value)
        };
        if let Some(spelled) = value.as_ref().and_then(by_schema) {
            return spelled;
        }
        let literal = literal();
        match value {
            _ if spelled(keyspaces, &literal).is_empty() => literal,
            Some(text @ KeyValue::Text(_)) => text.to_string(),
            _ => spell_hex(key),
        }
    }
}

/// The alternative reading of a text that was read as a literal key or prefix: the key or prefix that a
/// schema spells with the same text.
///
/// If the literal key has no entry, the command suggests this alternative.
#[derive(Debug)]
pub(crate) struct AlternativeReading<'a> {
    keyspace: KeySyntax<'a>,
    schema: &'static str,
    what: &'static str,
    /// The text that the user gave.
    given: String,
    /// The literal form of the key or prefix that the schema spells with this text.
    instead: String,
    /// The bytes of that key or prefix.
    pub(crate) bytes: Vec<u8>,
}

impl<'a> AlternativeReading<'a> {
    pub(crate) fn of_key(keyspace: KeySyntax<'a>, text: &str) -> Option<Self> {
        Self::find(keyspace, text, |spelling| {
            let (_, key) = spelling.read(text).filter(|(name, _)| *name == keyspace.name)?;
            let bytes = keyspace.shape()?.encode(&key).ok()?;
            Some(("key", keyspace.show(&bytes), bytes))
        })
    }

    pub(crate) fn of_prefix(keyspace: KeySyntax<'a>, text: &str) -> Option<Self> {
        Self::find(keyspace, text, |spelling| {
            let (_, prefix) = spelling.read_prefix(text).filter(|(name, _)| *name == keyspace.name)?;
            let shape = keyspace.shape()?;
            let bytes = shape.encode_prefix(&prefix).ok()?;
            // The encoding of a string key ends with a terminator, which a prefix lacks. So the string is
            // encoded as a complete key, to show its literal form.
            let instead = match (&prefix, shape.encode(&prefix)) {
                (KeyValue::Text(_), Ok(whole)) => keyspace.show(&whole),
                _ => prefix.to_string(),
            };
            Some(("prefix", instead, bytes))
        })
    }

    fn find(
        keyspace: KeySyntax<'a>,
        text: &str,
        read: impl Fn(&'static (dyn KeySpelling + Sync)) -> Option<(&'static str, String, Vec<u8>)>,
    ) -> Option<Self> {
        if is_literal(text) {
            return None;
        }
        SPELLINGS.iter().find_map(|spelling| {
            let (what, instead, bytes) = read(*spelling)?;
            let (schema, given) = (spelling.schema(), escape_control(text).into_owned());
            Some(Self { keyspace, schema, what, given, instead, bytes })
        })
    }

    /// Returns the failure of `larder keys` if no key begins with the prefix.
    pub(crate) fn refusal(&self, cache: &Path) -> Failure {
        let command = PrefixCommand::Keys(cache);
        self.refused(command, &format!("no key begins with {}", self.given))
    }

    /// Returns the failure of a command with a prefix. It suggests a corrected command line, unless that
    /// command would remove a whole keyspace.
    pub(crate) fn refused(&self, command: PrefixCommand<'_>, why: &str) -> Failure {
        let instead = command.line(self).map_or_else(String::new, |line| format!("try: {line}\n"));
        Failure::new(Exit::Usage, format!("{instead}{why}; {}", self.advice()))
    }

    /// Returns whether the keyspace has the schema of this spelling.
    pub(crate) fn is_of_schema(&self) -> bool {
        self.keyspace.schema == Some(self.schema)
    }

    /// Returns a text that says how the given text was read, and what to type for the other meaning.
    pub(crate) fn advice(&self) -> String {
        let Self { schema, what, given, .. } = self;
        let instead = if self.bytes.is_empty() {
            format!("all keys of keyspace {}", escape_control(self.keyspace.name))
        } else {
            literally(self.keyspace, &self.instead)
        };
        if self.is_of_schema() {
            return format!(
                "{given} is how {schema} spells a {what}, and with --keyspace it is taken as it stands; what it spells is {instead}"
            );
        }
        let name = escape_control(self.keyspace.name);
        let recorded = match self.keyspace.schema {
            None => format!("the file records no schema for keyspace {name}"),
            Some(other) => format!("keyspace {name} is of the schema {}", escape_control(other)),
        };
        format!(
            "{recorded}, so {given} is taken as it stands; if it was meant as {schema} spells a {what}, give {instead}"
        )
    }
}

/// A command that takes a prefix, and the cache that it was given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PrefixCommand<'a> {
    Keys(&'a Path),
    /// The second path is the value of `--socket`.
    Remove(&'a Path, Option<&'a Path>),
}

impl PrefixCommand<'_> {
    /// Returns the command line for the other meaning. Returns `None` if that command would remove a whole
    /// keyspace.
    fn line(self, other: &AlternativeReading<'_>) -> Option<String> {
        let word = |path: &Path| shell_word(&path.to_string_lossy());
        let (keyspace, prefix) = (shell_word(other.keyspace.name), shell_word(&other.instead));
        match self {
            Self::Keys(cache) if other.bytes.is_empty() => {
                Some(format!("larder keys {} --keyspace {keyspace}", word(cache)))
            }
            Self::Keys(cache) => {
                Some(format!("larder keys {} --keyspace {keyspace} --prefix {prefix}", word(cache)))
            }
            Self::Remove(..) if other.bytes.is_empty() => None,
            Self::Remove(cache, socket) => {
                let socket = socket.map_or_else(String::new, |socket| format!(" --socket {}", word(socket)));
                Some(format!("larder remove-prefix {}{socket} --keyspace {keyspace} {prefix}", word(cache)))
            }
        }
    }

    /// Returns the failure for a prefix without `--keyspace` in a cache with several keyspaces.
    pub(crate) fn needs_keyspace(self, keyspaces: &[KeySyntax<'_>], text: &str) -> Failure {
        let why = "a prefix is of the keys of one keyspace: give --keyspace";
        let mut others: Vec<_> =
            keyspaces.iter().filter_map(|keys| AlternativeReading::of_prefix(*keys, text)).collect();
        others.sort_by_key(|other| !other.is_of_schema());
        match others.first() {
            Some(other) if other.is_of_schema() => other.refused(self, why),
            Some(other) => Failure::new(Exit::Usage, format!("{why}; {}", other.advice())),
            None => Failure::new(Exit::Usage, format!("{why}; {}", names_of(keyspaces))),
        }
    }
}

#[cfg(test)]
mod tests;
