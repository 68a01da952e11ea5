//! The trait through which a schema spells its keys as text for people.

use crate::format::key::shape::KeyValue;

/// Writes the keys of a schema's keyspaces as text for people, and reads such text.
///
/// A schema crate, such as `larder-product`, declares its keyspaces with
/// [`KeyspaceDefinition::schema`](crate::KeyspaceDefinition::schema). It implements this trait to give each
/// key a readable name, such as `product_MTNVTU`. The `larder` command has a list of implementations.
///
/// A spelling applies to a keyspace only if the file records the spelling's [`schema`](Self::schema) for that
/// keyspace ([`KeyspaceInfo::schema`](crate::inspect::KeyspaceInfo::schema)). The name of a keyspace and the
/// shape of its keys are not enough: any application may have a keyspace `product` with keys of text. The
/// caller checks the recorded schema, so an implementation does not need to.
///
/// # What an implementation must keep
/// - For each key that [`spell`](Self::spell) writes, [`read`](Self::read) returns the same keyspace and key.
/// - A spelling never begins with `"` or `0x`. A text that begins with one of these is always a literal key.
/// - No two keys of the schema's keyspaces have the same spelling.
///
/// # Examples
/// ```
/// use larder::inspect::{KeySpelling, KeyValue};
///
/// /// Sessions, by number: `session-7`.
/// struct Sessions;
///
/// impl KeySpelling for Sessions {
///     fn schema(&self) -> &str {
///         "shop-sessions"
///     }
///     fn spell(&self, keyspace: &str, key: &KeyValue) -> Option<String> {
///         match key {
///             KeyValue::Unsigned(number) if keyspace == "session" => Some(format!("session-{number}")),
///             _ => None,
///         }
///     }
///     fn read(&self, text: &str) -> Option<(String, KeyValue)> {
///         let number = text.strip_prefix("session-")?.parse().ok()?;
///         Some(("session".to_owned(), KeyValue::Unsigned(number)))
///     }
/// }
///
/// let key = KeyValue::Unsigned(7);
/// assert_eq!(Sessions.spell("session", &key).as_deref(), Some("session-7"));
/// assert_eq!(Sessions.read("session-7"), Some(("session".to_owned(), key)));
/// assert_eq!(Sessions.read("7"), None);
/// ```
pub trait KeySpelling {
    /// Returns the name of the schema, as the definitions of its keyspaces declare it.
    fn schema(&self) -> &str;

    /// Returns the text for a key of one of the schema's keyspaces, or `None` if the schema has no such
    /// keyspace or the keyspace has no such key.
    fn spell(&self, keyspace: &str, key: &KeyValue) -> Option<String>;

    /// Parses the text of a key. Returns the name of the keyspace and the key, or `None` if no key has this
    /// text.
    fn read(&self, text: &str) -> Option<(String, KeyValue)>;

    /// Parses the beginning of the text of a key. Returns the name of the keyspace, and the prefix in the
    /// form that [`KeyShape::encode_prefix`](crate::format::key::shape::KeyShape::encode_prefix) accepts.
    /// Returns `None` if no text of a key begins with `text`, or if `text` ends inside a part that a prefix
    /// must contain completely.
    ///
    /// Tools use this function only in hints. Where a tool takes a prefix, it takes a prefix of the key
    /// itself.
    fn read_prefix(&self, text: &str) -> Option<(String, KeyValue)> {
        self.read(text)
    }
}
