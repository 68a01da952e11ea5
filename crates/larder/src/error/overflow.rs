//! The text of the error for a counter that would exceed the range of its type.

pub(super) fn overflow(keyspace: &str, key: Option<&str>, value: &str, amount: &str) -> String {
    let of_key = key.map_or_else(String::new, |key| format!(", key {key}"));
    format!(
        "cannot change a counter of keyspace {keyspace:?}{of_key} by {amount}: it is {value}, and the result does not fit into its type; use a wider type"
    )
}
