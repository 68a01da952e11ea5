//! Whether what was stored comes back as values.

use std::path::Path;

use super::line::Line;
use super::loads::{most_first, named};
use super::looks::Looks;

/// What can be wrong with a value that does not decode, where its reason does not say which.
const CAUSES: &str = "The type has changed: raise the `version` of the keyspace. \
    The type has not, and its values never decode: declare it with Format::MessagePack";

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
pub(super) fn line(looks: &Looks) -> Line {
    let check = "values";
    let stats = looks.last();
    let sick = most_first(stats, |space| space.undecodable);
    let Some((worst, _)) = sick.first() else {
        return Line::pass(check, "every value that was found decoded").with("undecodable", 0);
    };
    let total: u64 = sick.iter().map(|(_, count)| count).sum();
    let just_now: u64 = sick.iter().map(|(space, _)| looks.grown_in(space, |space| space.undecodable)).sum();
    let latest = if looks.over().is_zero() { String::new() } else { format!("; {just_now} just now") };
    let found = format!("{total} lookups missed values that do not decode: {}{latest}", named(&sick));
    let reasons = sick.iter().filter_map(|(space, _)| {
        let cause = space.undecodable_cause.as_deref()?;
        Some(format!("{}: {cause}{}", space.name, remedy(cause)))
    });
    let mut reasons: Vec<String> = reasons.take(MAX_REASONS).collect();
    if reasons.is_empty() {
        reasons.push(format!("{}: the service's log has the reason. {CAUSES}", worst.name));
    }
    Line::warn(check, found, reasons.join(". "))
        .with("undecodable", total)
        .with("undecodable_just_now", just_now)
}

/// Keyspaces whose reason is told.
const MAX_REASONS: usize = 3;

/// What to do about a reason that does not say so itself; it begins where the reason ends.
fn remedy(cause: &str) -> String {
    let says_so = ["raise the keyspace's version", "Format::MessagePack", "insert it again"];
    let known = [
        (
            "Zstandard",
            ": build the service with larder's feature `zstd`; `larder get` shows the values meanwhile",
        ),
        ("panicked", ": mend the type's own code; the panic hook has told where"),
    ];
    if says_so.iter().any(|text| cause.contains(text)) {
        return String::new();
    }
    let known = known.into_iter().find(|(word, _)| cause.contains(word));
    known.map_or_else(|| format!(". {CAUSES}"), |(_, remedy)| remedy.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(keyspaces: &serde_json::Value) -> Line {
        line(&Looks::of(serde_json::from_value(json!({ "keyspaces": keyspaces })).unwrap()))
    }

    #[test]
    fn the_keyspaces_are_named_the_worst_first() {
        let line = told(&json!([
            {"name": "a", "undecodable": 1}, {"name": "b", "undecodable": 5}, {"name": "c"},
            {"name": "d", "undecodable": 2}, {"name": "e", "undecodable": 3},
        ]));
        assert!(
            line.found.contains("11 lookups") && line.found.contains("5 of b, 3 of e, 2 of d, and of others"),
            "{line:?}"
        );
        let remedy = line.remedy.unwrap();
        assert!(remedy.contains("b: the service's log") && remedy.contains("`version`"), "{remedy}");
    }

    #[test]
    fn each_reason_is_told_with_what_to_do_about_it() {
        for (cause, remedy) in [
            (
                "the fields or variants were written under other names or in another order; raise the \
                    keyspace's version",
                "raise the keyspace's version",
            ),
            ("it is compressed with Zstandard, which this build can't", "feature `zstd`"),
            ("its Deserialize panicked: no", "mend the type's own code"),
            ("3 bytes follow the end of the value", "raise the `version` of the keyspace"),
        ] {
            let line = told(&json!([{"name": "product", "undecodable": 2, "undecodable_cause": cause}]));
            let told = line.remedy.unwrap();
            assert!(told.starts_with(&format!("product: {cause}")) && told.contains(remedy), "{told}");
        }
    }

    #[test]
    fn a_cache_whose_values_decode_passes() {
        assert_eq!(
            told(&json!([{"name": "a", "undecodable": 0}])).verdict,
            super::super::line::Verdict::Pass
        );
    }
}
