//! How a schema spells its keys for people.

use crate::format::key::shape::KeyValue;

/// How the keys of a schema's keyspaces are written for people, and read back.
///
/// A schema crate, such as `larder-product`, declares keyspaces by
/// [`KeyspaceDefinition::schema`](crate::KeyspaceDefinition::schema), and implements this to give each key a
/// name of its own, such as `product_MTNVTU`. The `larder` command holds a list of implementations.
///
/// A spelling applies to a keyspace only if the file records for it the [`schema`](Self::schema) of the
/// spelling ([`KeyspaceInfo::schema`](crate::inspect::KeyspaceInfo::schema)). The name of a keyspace and the
/// shape of its keys prove nothing: any application may have a keyspace `product` with keys of text. The
/// caller checks the record; an implementation need not.
///
/// # What an implementation must keep
/// - For each key that [`spell`](Self::spell) writes, [`read`](Self::read) returns the same keyspace and key.
/// - A spelling begins neither with `"` nor with `0x`. A text that begins so is always a literal key.
/// - No two keys of the schema's keyspaces have one spelling.
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

    /// Writes a key of one of the schema's keyspaces. None if the schema has no keyspace of this name, or no
    /// such key in it.
    fn spell(&self, keyspace: &str, key: &KeyValue) -> Option<String>;

    /// Reads a spelled key: the name of its keyspace, and the key. None if no key is spelled so.
    fn read(&self, text: &str) -> Option<(String, KeyValue)>;

    /// Reads the beginning of spelled keys: the name of their keyspace, and the prefix as
    /// [`KeyShape::encode_prefix`](crate::format::key::shape::KeyShape::encode_prefix) takes it. None if no
    /// spelled key begins so, or the beginning ends inside a part that a prefix must have whole.
    ///
    /// A tool uses it for advice alone: a prefix is always of the keys themselves.
    fn read_prefix(&self, text: &str) -> Option<(String, KeyValue)> {
        self.read(text)
    }
}
