//! Whether what was stored comes back as values.

use std::path::Path;

use larder::Stats;

use super::line::Line;

/// Keyspaces that are named.
const MOST_NAMED: usize = 3;

/// What can be wrong with a value that does not decode. Which it is, is said by the reason in the service's
/// log.
const CAUSES: &str = "look for `could not be decoded` in the service's log: it has the reason, once a keyspace. \
    The type has changed: raise the `version` of the keyspace. \
    The type has not, and its values never decode: it needs Format::MessagePack, and an earlier larder stored it all the same. \
    The record is of another version of larder: each goes when it is written again, and all with a new `version`. \
    Zstandard is missing: build the service with larder's feature `zstd`";

/// Whether the values of a file can be read, as far as that can be told without their types.
pub(super) fn stored(path: &Path, unreadable: u64) -> Line {
    let check = "stored values";
    if unreadable == 0 {
        return Line::pass(check, "none is known to be unreadable; of bincode only the type can tell");
    }
    let found = format!("{unreadable} values can be read by no lookup, and take room until they expire");
    let remedy = format!(
        "larder verify {} tells which and why; a new `version` of their keyspace drops them",
        path.display()
    );
    Line::warn(check, found, remedy)
}

/// Whether a live cache could decode what it found.
pub(super) fn line(stats: &Stats) -> Line {
    let check = "values";
    let mut told: Vec<(&str, u64)> = stats
        .keyspaces
        .iter()
        .filter(|keyspace| keyspace.undecodable > 0)
        .map(|keyspace| (&*keyspace.name, keyspace.undecodable))
        .collect();
    if told.is_empty() {
        return Line::pass(check, "every value that was found decoded");
    }
    told.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let total: u64 = told.iter().map(|(_, count)| count).sum();
    let named = told.iter().take(MOST_NAMED).map(|(name, count)| format!("{count} of {name}"));
    let more = if told.len() > MOST_NAMED { ", and of others" } else { "" };
    let named = named.collect::<Vec<_>>().join(", ");
    Line::warn(check, format!("{total} lookups missed values that do not decode: {named}{more}"), CAUSES)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(keyspaces: &serde_json::Value) -> String {
        let stats: Stats = serde_json::from_value(json!({ "keyspaces": keyspaces })).unwrap();
        format!("{:?}", line(&stats))
    }

    #[test]
    fn the_keyspaces_are_named_with_every_cause() {
        let line = told(&json!([
            {"name": "a", "undecodable": 1}, {"name": "b", "undecodable": 5}, {"name": "c"},
            {"name": "d", "undecodable": 2}, {"name": "e", "undecodable": 3},
        ]));
        assert!(
            line.contains("11 lookups") && line.contains("5 of b, 3 of e, 2 of d, and of others"),
            "{line}"
        );
        for cause in ["`version`", "Format::MessagePack", "another version of larder", "`zstd`", "log"] {
            assert!(line.contains(cause), "{cause} is not in {line}");
        }
    }

    #[test]
    fn a_cache_whose_values_decode_passes() {
        assert!(told(&json!([{"name": "a", "undecodable": 0}])).contains("Pass"));
    }
}
