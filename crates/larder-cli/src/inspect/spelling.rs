//! Which key a text means, and how a key is shown.
//!
//! A schema may spell its keys its own way, as the shop's does: `product_MTNVTU` is the key `MTNVTU` of keyspace
//! `product`. A spelling applies only to a keyspace for which the file records that schema. A name and a shape
//! prove nothing: any application may have a keyspace `product` with keys of text.
//!
//! | | text | means |
//! |---|---|---|
//! | `--keyspace NAME` | any | the key itself |
//! | without | in quotes, or `0x…` | the key itself, if there is one keyspace; else it is refused |
//! | without | a schema's spelling, and there is a keyspace of that schema | the key that is spelled |
//! | without | any other | the key itself, if there is one keyspace; else it is refused |
//!
//! The invariant, for every set of keyspaces and every key of them: what [`Speller`] shows, [`choose`] reads as
//! that key, given the same `--keyspace`; or refuses for want of `--keyspace`, and then reads it with the name
//! that is shown beside it. It never reads another key.

use std::path::Path;

use larder::inspect::{KeyShape, KeySpelling, KeyValue, KeyspaceInfo, escape_control, spell_hex};
use larder_product::ProductKeySpelling;

use super::which_of;
use crate::exit::{Exit, Failure};

/// The schemas that this command knows the spelling of.
static SPELLINGS: [&(dyn KeySpelling + Sync); 1] = [&ProductKeySpelling];

/// A keyspace, as far as its keys are read and shown by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keys<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: &'a str,
    pub(crate) schema: Option<&'a str>,
}

impl<'a> Keys<'a> {
    pub(crate) fn of(facts: &'a KeyspaceInfo) -> Self {
        Self { name: &facts.name, shape: &facts.key_shape, schema: facts.schema.as_deref() }
    }

    pub(crate) fn shape(self) -> Option<KeyShape> {
        self.shape.parse().ok()
    }

    /// Reads the bytes of a key from its literal form.
    pub(crate) fn read(self, text: &str) -> Result<Vec<u8>, Failure> {
        let usage = |why: String| Failure::new(Exit::Usage, why);
        let Some(shape) = self.shape() else {
            // Any shape will do to read hexadecimal digits.
            let bytes = if text.starts_with("0x") { KeyShape::Unit.parse_key(text).ok() } else { None };
            return bytes.ok_or_else(|| self.needs_hex("the key"));
        };
        let advise = |error| usage(with_advice(&error, Misread::of_key(self, text)));
        shape.parse_key(text).map_err(advise)
    }

    /// Reads the bytes that keys begin with from their literal form.
    pub(crate) fn read_prefix(self, text: &str) -> Result<Vec<u8>, Failure> {
        let Some(shape) = self.shape() else {
            // Of `()`, which has no prefix but its bytes.
            let bytes = if text.starts_with("0x") { KeyShape::Unit.parse_prefix(text).ok() } else { None };
            return bytes.ok_or_else(|| self.needs_hex("the prefix"));
        };
        let advise = |error| Failure::new(Exit::Usage, with_advice(&error, Misread::of_prefix(self, text)));
        shape.parse_prefix(text).map_err(advise)
    }

    /// The failure to read a key whose shape is not known.
    fn needs_hex(self, what: &str) -> Failure {
        let why = match self.shape {
            "" => format!(
                "the process has not opened keyspace {:?}, and its file is not seen from here",
                self.name
            ),
            shape => format!("keyspace {:?} has keys of the application's own shape {shape:?}", self.name),
        };
        let text = format!("{why}; give {what} as 0x and the hexadecimal digits of its bytes");
        Failure::new(Exit::Usage, text)
    }

    /// Says why bytes are no key of the keyspace, whose shape is known. There may still be a damaged record of them.
    pub(crate) fn no_key(self, key: &[u8]) -> Option<String> {
        self.shape()?.decode(key).is_err().then(|| {
            format!(
                "{} are not the bytes of a key of shape {}; give the key itself, or its `key_bytes` of `larder keys --json`",
                spell_hex(key),
                self.shape
            )
        })
    }

    /// Writes a key in its literal form.
    pub(crate) fn show(self, key: &[u8]) -> String {
        self.shape().map_or_else(|| spell_hex(key), |shape| shape.spell_key(key))
    }
}

fn with_advice(error: &larder::KeyError, misread: Option<Misread<'_>>) -> String {
    misread.map_or_else(|| error.to_string(), |misread| format!("{error}; {}", misread.advice()))
}

/// Returns whether a text is a literal key without doubt.
fn is_literal(text: &str) -> bool {
    text.starts_with('"') || text.starts_with("0x")
}

/// The keys that a text is the spelling of, in keyspaces of the schema: none or one, unless two schemas spell
/// two keys alike.
fn spelled<'a>(keyspaces: &[Keys<'a>], text: &str) -> Vec<(Keys<'a>, Vec<u8>)> {
    if is_literal(text) {
        return Vec::new();
    }
    let read = SPELLINGS.iter().filter_map(|spelling| {
        let (name, key) = spelling.read(text)?;
        let is_meant = |of: &&Keys<'a>| of.name == name && of.schema == Some(spelling.schema());
        let keyspace = keyspaces.iter().find(is_meant)?;
        Some((*keyspace, keyspace.shape()?.encode(&key).ok()?))
    });
    read.collect()
}

/// Which keyspace, and which bytes, a person means by a key.
pub(crate) fn choose<'a>(
    keyspaces: &[Keys<'a>],
    name: Option<&str>,
    text: &str,
) -> Result<(Keys<'a>, Vec<u8>), Failure> {
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
            let which = which_of(keyspaces);
            let misread = keyspaces.iter().find_map(|keyspace| Misread::of_key(*keyspace, text));
            let advice = misread.map_or_else(String::new, |misread| format!("; {}", misread.advice()));
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

/// The keyspace of a name, or which there are.
pub(crate) fn pick<'a>(keyspaces: &[Keys<'a>], name: &str) -> Result<Keys<'a>, Failure> {
    keyspaces.iter().copied().find(|keyspace| keyspace.name == name).ok_or_else(|| {
        Failure::new(Exit::No, format!("there is no keyspace {name:?}; {}", which_of(keyspaces)))
    })
}

/// The options that name a key without doubt.
pub(crate) fn literally(keyspace: Keys<'_>, key: &str) -> String {
    format!("--keyspace {} {}", shell_word(keyspace.name), shell_word(key))
}

/// A text as a shell reads it back, as one word. A control character has no such form that a terminal may
/// show, and is escaped.
pub(crate) fn shell_word(text: &str) -> String {
    let text = escape_control(text);
    let is_plain =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '%' | '/' | ':');
    if !text.is_empty() && text.chars().all(is_plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// How the keys of one answer are shown.
#[derive(Debug)]
pub(crate) enum Speller<'a> {
    /// With `--keyspace`: keys as they are.
    Literal,
    /// Without: keys of a schema's keyspace as the schema spells them. Any other key as it is; in quotes, if
    /// the text would be read as the spelling of another key in these keyspaces.
    Spelled(Vec<Keys<'a>>),
}

impl<'a> Speller<'a> {
    /// For a command that had this `--keyspace`, and keyspaces.
    pub(crate) fn new(name: Option<&str>, keyspaces: impl Iterator<Item = Keys<'a>>) -> Self {
        if name.is_some() { Self::Literal } else { Self::Spelled(keyspaces.collect()) }
    }

    /// For a command on a file that had this `--keyspace`.
    pub(crate) fn of(name: Option<&str>, facts: &'a [KeyspaceInfo]) -> Self {
        Self::new(name, facts.iter().map(Keys::of))
    }

    /// Writes a key.
    pub(crate) fn spell(&self, keyspace: Keys<'_>, key: &[u8]) -> String {
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

/// A text that was read as a key itself, or as the beginning of some, and reads as a schema's spelling of
/// others of the same keyspace. A person who gets nothing for it is told so.
#[derive(Debug)]
pub(crate) struct Misread<'a> {
    keyspace: Keys<'a>,
    schema: &'static str,
    what: &'static str,
    /// What was given.
    given: String,
    /// What would be given for what the schema spells so.
    instead: String,
    /// The bytes of that key, or that keys begin with.
    pub(crate) bytes: Vec<u8>,
}

impl<'a> Misread<'a> {
    /// Looks whether a literal key of a keyspace reads as a spelling.
    pub(crate) fn of_key(keyspace: Keys<'a>, text: &str) -> Option<Self> {
        Self::find(keyspace, text, |spelling| {
            let (_, key) = spelling.read(text).filter(|(name, _)| *name == keyspace.name)?;
            let bytes = keyspace.shape()?.encode(&key).ok()?;
            Some(("key", keyspace.show(&bytes), bytes))
        })
    }

    /// Looks whether the literal beginning of a keyspace's keys reads as that of spelled ones.
    pub(crate) fn of_prefix(keyspace: Keys<'a>, text: &str) -> Option<Self> {
        Self::find(keyspace, text, |spelling| {
            let (_, prefix) = spelling.read_prefix(text).filter(|(name, _)| *name == keyspace.name)?;
            let shape = keyspace.shape()?;
            let bytes = shape.encode_prefix(&prefix).ok()?;
            // A text begins keys as it stands; as a key it would have an end.
            let instead = match (&prefix, shape.encode(&prefix)) {
                (KeyValue::Text(_), Ok(whole)) => keyspace.show(&whole),
                _ => prefix.to_string(),
            };
            Some(("prefix", instead, bytes))
        })
    }

    fn find(
        keyspace: Keys<'a>,
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

    /// The failure of `larder keys` on a cache that was given a prefix that no key has.
    pub(crate) fn refusal(&self, cache: &Path) -> Failure {
        let asked = Prefixed::Keys(cache);
        self.refused(asked, &format!("no key begins with {}", self.given))
    }

    /// The failure of a command that was given a prefix. It begins with a line that can be typed as it stands.
    pub(crate) fn refused(&self, asked: Prefixed<'_>, why: &str) -> Failure {
        let instead = asked.line(self).map_or_else(String::new, |line| format!("try: {line}\n"));
        Failure::new(Exit::Usage, format!("{instead}{why}; {}", self.advice()))
    }

    /// Returns whether the keyspace is of the schema that spells so.
    pub(crate) fn is_of_schema(&self) -> bool {
        self.keyspace.schema == Some(self.schema)
    }

    /// Says what the text is taken for, and what to give if the other was meant.
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
pub(crate) enum Prefixed<'a> {
    Keys(&'a Path),
    /// The socket, if one was given beside the file.
    Remove(&'a Path, Option<&'a Path>),
}

impl Prefixed<'_> {
    /// The command for what a schema spells so. None where that would remove a whole keyspace.
    fn line(self, misread: &Misread<'_>) -> Option<String> {
        let word = |path: &Path| shell_word(&path.to_string_lossy());
        let (keyspace, prefix) = (shell_word(misread.keyspace.name), shell_word(&misread.instead));
        match self {
            Self::Keys(cache) if misread.bytes.is_empty() => {
                Some(format!("larder keys {} --keyspace {keyspace}", word(cache)))
            }
            Self::Keys(cache) => {
                Some(format!("larder keys {} --keyspace {keyspace} --prefix {prefix}", word(cache)))
            }
            Self::Remove(..) if misread.bytes.is_empty() => None,
            Self::Remove(cache, socket) => {
                let socket = socket.map_or_else(String::new, |socket| format!(" --socket {}", word(socket)));
                Some(format!("larder remove-prefix {}{socket} --keyspace {keyspace} {prefix}", word(cache)))
            }
        }
    }

    /// The failure for want of `--keyspace`, in a cache that has several.
    pub(crate) fn of_which(self, keyspaces: &[Keys<'_>], text: &str) -> Failure {
        let why = "a prefix is of the keys of one keyspace: give --keyspace";
        let mut misread: Vec<_> =
            keyspaces.iter().filter_map(|keys| Misread::of_prefix(*keys, text)).collect();
        misread.sort_by_key(|other| !other.is_of_schema());
        match misread.first() {
            Some(other) if other.is_of_schema() => other.refused(self, why),
            Some(other) => Failure::new(Exit::Usage, format!("{why}; {}", other.advice())),
            None => Failure::new(Exit::Usage, format!("{why}; {}", which_of(keyspaces))),
        }
    }
}

#[cfg(test)]
mod tests;
