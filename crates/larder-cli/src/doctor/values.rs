//! Whether what was stored comes back as values.

use std::path::Path;

use larder::KeyspaceStats;

use super::line::Line;
use super::loads::{most_first, named};
use super::looks::Looks;

/// What is to be known before the version is raised: that drops what was loaded anew, too.
const ENDS: &str =
    "After a release it ends by itself, once each entry was loaded anew: look again in ten minutes";

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

/// Whether a live cache could decode what it found. After a release that changed a type, each entry misses
/// once, is loaded anew and is written again: what is over passes, since another version would drop what is
/// good.
pub(super) fn line(looks: &Looks) -> Line {
    let check = "values";
    let stats = looks.last();
    let sick = most_first(stats, |space| space.undecodable);
    let Some((worst, _)) = sick.first() else {
        return Line::pass(check, "every value that was found decoded").with("undecodable", 0);
    };
    let total: u64 = sick.iter().map(|(_, count)| count).sum();
    let just_now = looks.watched().map(|window| (window.counts.undecodable, window.counts.requests()));
    let watched = match just_now {
        None => String::new(),
        Some((_, 0)) => "; there was no lookup just now".to_owned(),
        Some((some, of)) => format!("; {some} of {of} lookups just now"),
    };
    let named = named(&sick);
    let late = looks.of_late(|counts| counts.undecodable);
    let line = match &late {
        None => {
            let found = format!("{total} lookups since the start missed values that did not decode: {named}");
            let remedy = "without lookups of late it can't be told whether that is over: run this again while \
                the service is used";
            Line::unknown(check, format!("{found}{watched}"), remedy)
        }
        Some(window) if window.counts.undecodable == 0 => Line::pass(
            check,
            format!(
                "{total} lookups since the start missed values that did not decode ({named}), none in \
                    {}{watched}: they were loaded anew; raise the version with the next release that changes the type",
                window.told()
            ),
        ),
        Some(_) => {
            let found = format!("{total} lookups missed values that do not decode: {named}{watched}");
            Line::warn(check, found, reasons(&sick, worst))
        }
    };
    let (some, of) = just_now.unwrap_or_default();
    line.with("undecodable", total).with("undecodable_just_now", some).with("lookups_just_now", of)
}

/// The latest reason of each keyspace, with what to do about it.
fn reasons(sick: &[(&KeyspaceStats, u64)], worst: &KeyspaceStats) -> String {
    let reasons = sick.iter().filter_map(|(space, _)| {
        let (name, cause) = (&space.name, space.undecodable_cause.as_deref()?);
        // A reason may quote a value, and the process shows it where values may be shown.
        Some(if cause.contains("control_values") {
            let elsewhere = "the service's log has the reason (control_values=on in its URL shows it here)";
            format!("{name}: {elsewhere}. {CAUSES}")
        } else {
            format!("{name}: {cause}{}", remedy(cause))
        })
    });
    let mut reasons: Vec<String> = reasons.take(MAX_REASONS).collect();
    if reasons.is_empty() {
        reasons.push(format!("{}: the service's log has the reason. {CAUSES}", worst.name));
    }
    format!("{}. {ENDS}", reasons.join(". "))
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
    use std::time::Duration;

    use serde_json::json;

    use super::super::line::Verdict;
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
    fn a_reason_that_is_withheld_is_said_to_be_in_the_log_and_not_taken_for_the_reason() {
        let withheld = "the application does not allow it: control_values=on in its URL would";
        let line = told(&json!([{"name": "product", "undecodable": 2, "undecodable_cause": withheld}]));
        let told = line.remedy.unwrap();
        assert!(told.starts_with("product: the service's log has the reason (control_values=on"), "{told}");
        assert!(told.contains("raise the `version`") && !told.contains("does not allow"), "{told}");
    }

    #[test]
    fn what_is_over_passes_and_says_so_and_what_goes_on_warns() {
        let stats = |hits: u64, undecodable: u64, recent: serde_json::Value| {
            let stats = json!({"uptime": 7_200.0, "memory": {"hits": hits}, "recent": recent,
                "keyspaces": [{"name": "product", "undecodable": undecodable}]});
            serde_json::from_value(stats).unwrap()
        };
        let line_of = |lookups: u64, more: u64, recent: &serde_json::Value| {
            let mut looks = Looks::of(stats(9_000, 300, json!([])));
            looks.add(Duration::from_secs(2), stats(9_000 + lookups, 300 + more, recent.clone()));
            line(&looks)
        };
        let minutes = |last: u64, before: u64| {
            json!([{"over": 60.0, "counts": {"memory_hits": 900, "undecodable": last}},
                {"over": 600.0, "counts": {"memory_hits": 9_000, "undecodable": before}}])
        };
        let over = line_of(600, 0, &minutes(0, 300));
        assert_eq!(over.verdict, Verdict::Pass);
        for words in ["300 lookups since the start", "none in the last 1 min", "0 of 600 lookups just now"] {
            assert!(over.found.contains(words), "{over:?}");
        }
        let goes_on = line_of(600, 0, &minutes(1, 300)).remedy.unwrap();
        assert!(goes_on.ends_with(ENDS), "{goes_on}");
        assert_eq!(line_of(600, 0, &minutes(1, 300)).verdict, Verdict::Warn, "two seconds may have had none");
        let goes_on = line_of(600, 2, &minutes(0, 0));
        assert!(
            goes_on.verdict == Verdict::Warn && goes_on.found.contains("2 of 600 lookups"),
            "{goes_on:?}"
        );
        let quiet =
            |undecodable| json!([{"over": 600.0, "counts": {"misses": 40, "undecodable": undecodable}}]);
        assert_eq!(line_of(0, 0, &quiet(3)).verdict, Verdict::Warn);
        let quiet = line_of(0, 0, &quiet(0));
        assert!(quiet.verdict == Verdict::Pass && quiet.found.contains("no lookup just now"), "{quiet:?}");
        let unused = line_of(0, 0, &json!([{"over": 600.0, "counts": {}}]));
        assert!(unused.verdict == Verdict::Unknown && !unused.found.contains("loaded anew"), "{unused:?}");
    }

    #[test]
    fn a_cache_whose_values_decode_passes() {
        assert_eq!(told(&json!([{"name": "a", "undecodable": 0}])).verdict, Verdict::Pass);
    }
}
