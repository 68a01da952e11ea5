//! Decides which entries a removal deletes.

use larder::inspect::escape_control;

use crate::cache::entries::Entries;
use crate::cache::spelling::{AlternativeReading, KeySyntax, PrefixCommand, choose, literally, pick};
use crate::term::exit::{Exit, Failure};

/// The removal as the user requested it.
pub(super) enum RemovalRequest<'a> {
    Key(&'a str),
    Prefix(&'a str, PrefixCommand<'a>),
    All,
}

/// The removal as a keyspace and an encoded key or prefix.
pub(super) enum Removal {
    Key(String, Vec<u8>),
    Prefix(String, Vec<u8>),
    Everything,
}

impl RemovalRequest<'_> {
    /// Decides which entries to remove.
    ///
    /// If the text may have another meaning, also returns a failure. The command fails with it if the removal
    /// deletes no entry.
    pub(super) fn resolve(
        &self,
        keyspaces: &[KeySyntax<'_>],
        name: Option<&str>,
        entries: &mut Entries<'_>,
    ) -> Result<(Removal, Option<Failure>), Failure> {
        match self {
            Self::Key(text) => resolve_key(keyspaces, name, text, entries),
            Self::Prefix(text, command) => {
                let (keyspace, prefix) = read_prefix(keyspaces, name, text, *command)?;
                let other = entries.other_prefix(keyspace, text, &prefix)?;
                let refusal = other.map(|other| {
                    let why = format!("nothing is removed: no key begins with {}", escape_control(text));
                    other.refused(*command, &why)
                });
                Ok((Removal::Prefix(keyspace.name.to_owned(), prefix), refusal))
            }
            Self::All => Ok(match name {
                Some(name) => (Removal::Prefix(pick(keyspaces, name)?.name.to_owned(), Vec::new()), None),
                None => (Removal::Everything, None),
            }),
        }
    }
}

fn resolve_key(
    keyspaces: &[KeySyntax<'_>],
    name: Option<&str>,
    text: &str,
    entries: &mut Entries<'_>,
) -> Result<(Removal, Option<Failure>), Failure> {
    let (keyspace, key) = choose(keyspaces, name, text)?;
    if name.is_none() {
        refuse_two_meanings(entries, keyspaces, (keyspace, &key), text)?;
    }
    let other = AlternativeReading::of_key(keyspace, text).filter(|other| other.bytes != key);
    let refusal = match other {
        // In a keyspace that does not have this schema, the text is refused only if the spelled key has an
        // entry.
        Some(other) if other.is_of_schema() || entries.has(keyspace, &other.bytes)? => {
            let text = escape_control(text);
            let advice = other.advice();
            let why = format!("nothing is removed: there is no entry of a key {text}; {advice}");
            Some(Failure::new(Exit::Usage, why))
        }
        _ => keyspace.no_key(&key).map(|why| Failure::new(Exit::Usage, format!("nothing is removed: {why}"))),
    };
    Ok((Removal::Key(keyspace.name.to_owned(), key), refusal))
}

fn read_prefix<'a>(
    keyspaces: &[KeySyntax<'a>],
    name: Option<&str>,
    text: &str,
    command: PrefixCommand<'_>,
) -> Result<(KeySyntax<'a>, Vec<u8>), Failure> {
    let keyspace = match (name, keyspaces) {
        (Some(name), _) => pick(keyspaces, name)?,
        (None, [only]) => *only,
        (None, _) => return Err(command.needs_keyspace(keyspaces, text)),
    };
    let prefix = keyspace.read_prefix(text)?;
    if prefix.is_empty() {
        let text = "every key has an empty prefix; `larder clear` is for that";
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok((keyspace, prefix))
}

/// Fails if a text was read as a schema's spelling and the same text, read literally, is another key with an
/// entry.
fn refuse_two_meanings(
    entries: &mut Entries<'_>,
    keyspaces: &[KeySyntax<'_>],
    (chosen, key): (KeySyntax<'_>, &[u8]),
    text: &str,
) -> Result<(), Failure> {
    for other in keyspaces {
        let Ok(literal) = other.read(text) else { continue };
        let is_chosen = *other == chosen && literal == key;
        if is_chosen || !entries.has(*other, &literal)? {
            continue;
        }
        let (as_spelled, as_it_stands) = (literally(chosen, &chosen.show(key)), literally(*other, text));
        let text = escape_control(text);
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "nothing is removed: {text} may be two keys; give {as_spelled} for the one that is spelled so, or \
                 {as_it_stands}"
            ),
        ));
    }
    Ok(())
}
