//! Checks whether stored values can be decoded.

use std::path::Path;

use larder::KeyspaceStats;

use super::loads::{most_first, named};
use super::report::CheckResult;
use super::series::StatsSeries;

/// Advice to wait before raising the version. A new version would also drop the values that were loaded
/// again.
const ENDS: &str =
    "After a release it ends by itself, once each entry was loaded again: look again in ten minutes";

/// The possible causes of a value that does not decode. They are shown if the recorded reason does not tell
/// the cause.
const CAUSES: &str = "The type has changed: raise the `version` of the keyspace. \
    The type has not, and its values never decode: declare it with Format::MessagePack";

/// Checks whether the values of a file can be read, as far as this is possible without their types.
pub(super) fn stored(path: &Path, unreadable: u64) -> CheckResult {
    let check = "stored values";
    if unreadable == 0 {
        return CheckResult::pass(check, "none is known to be unreadable; of bincode only the type decides");
    }
    let found = format!("{unreadable} values cannot be read by any lookup, and take room until they expire");
    let remedy = format!(
        "larder verify {} shows which and why; a new `version` of their keyspace drops them",
        path.display()
    );
    CheckResult::warn(check, found, remedy)
}

/// Checks whether a live cache can decode the values that its lookups find.
///
/// After a release that changed the type of a keyspace's values, the first lookup of each old entry is a
/// miss. The value is then loaded and written again. When these misses have ended, the check passes, because
/// a new version would only drop good values.
pub(super) fn check(series: &StatsSeries) -> CheckResult {
    let check = "values";
    let stats = series.latest();
    let affected = most_first(stats, |space| space.undecodable);
    let Some((worst, _)) = affected.first() else {
        return CheckResult::pass(check, "every value that was found decoded").with("undecodable", 0);
    };
    let total = affected.iter().fold(0_u64, |total, (_, count)| total.saturating_add(*count));
    let just_now = series.watched().map(|window| (window.counts.undecodable, window.counts.requests()));
    let watched = match just_now {
        None => String::new(),
        Some((_, 0)) => "; there was no lookup just now".to_owned(),
        Some((some, of)) => format!("; {some} of {of} lookups just now"),
    };
    let named = named(&affected);
    let recent = series.recent(|counts| counts.undecodable);
    let line = match &recent {
        None => {
            let found = format!("{total} lookups since the start missed values that did not decode: {named}");
            let remedy = "without recent lookups it is not known whether this has ended: run this again while \
                the service is used";
            CheckResult::unknown(check, format!("{found}{watched}"), remedy)
        }
        Some(window) if window.counts.undecodable == 0 => CheckResult::pass(
            check,
            format!(
                "{total} lookups since the start missed values that did not decode ({named}), none in \
                    {}{watched}: they were loaded again; raise the version with the next release that changes the type",
                window.describe()
            ),
        ),
        Some(_) => {
            let found = format!("{total} lookups missed values that do not decode: {named}{watched}");
            CheckResult::warn(check, found, reasons(&affected, worst))
        }
    };
    let (some, of) = just_now.unwrap_or_default();
    line.with("undecodable", total).with("undecodable_just_now", some).with("lookups_just_now", of)
}

/// Returns a text with the latest reason and the remedy for up to [`MAX_REASONS`] affected keyspaces.
fn reasons(affected: &[(&KeyspaceStats, u64)], worst: &KeyspaceStats) -> String {
    let reasons = affected.iter().filter_map(|(space, _)| {
        let (name, cause) = (&space.name, space.undecodable_cause.as_deref()?);
        // Without `control_values=on`, the process hides reasons that may quote a value.
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

const MAX_REASONS: usize = 3;

/// Returns the remedy for a reason, as a continuation of its text. Returns an empty string if the reason
/// already contains the remedy.
fn remedy(cause: &str) -> String {
    let says_so = ["raise the keyspace's version", "Format::MessagePack", "insert it again"];
    let known = [
        (
            "Zstandard",
            ": build the service with larder's feature `zstd`; `larder get` shows the values meanwhile",
        ),
        ("panicked", ": correct the type's own code; the panic hook has printed where"),
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

    use super::super::report::Verdict;
    use super::*;

    fn check_of(keyspaces: &serde_json::Value) -> CheckResult {
        check(&StatsSeries::new(serde_json::from_value(json!({ "keyspaces": keyspaces })).unwrap()))
    }

    #[test]
    fn the_keyspaces_are_named_the_worst_first() {
        let line = check_of(&json!([
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
    fn each_reason_comes_with_what_to_do_about_it() {
        for (cause, remedy) in [
            (
                "the fields or variants were written under other names or in another order; raise the \
                    keyspace's version",
                "raise the keyspace's version",
            ),
            ("it is compressed with Zstandard, which this build can't", "feature `zstd`"),
            ("its Deserialize panicked: no", "correct the type's own code"),
            ("3 bytes follow the end of the value", "raise the `version` of the keyspace"),
        ] {
            let line = check_of(&json!([{"name": "product", "undecodable": 2, "undecodable_cause": cause}]));
            let text = line.remedy.unwrap();
            assert!(text.starts_with(&format!("product: {cause}")) && text.contains(remedy), "{text}");
        }
    }

    #[test]
    fn a_withheld_reason_is_said_to_be_in_the_log() {
        let withheld = "the application does not allow it: control_values=on in its URL would";
        let line = check_of(&json!([{"name": "product", "undecodable": 2, "undecodable_cause": withheld}]));
        let text = line.remedy.unwrap();
        assert!(text.starts_with("product: the service's log has the reason (control_values=on"), "{text}");
        assert!(text.contains("raise the `version`") && !text.contains("does not allow"), "{text}");
    }

    #[test]
    fn a_fault_that_has_ended_passes_and_one_that_continues_warns() {
        let stats = |hits: u64, undecodable: u64, recent: serde_json::Value| {
            let stats = json!({"uptime": 7_200.0, "memory": {"hits": hits}, "recent": recent,
                "keyspaces": [{"name": "product", "undecodable": undecodable}]});
            serde_json::from_value(stats).unwrap()
        };
        let line_of = |lookups: u64, more: u64, recent: &serde_json::Value| {
            let mut series = StatsSeries::new(stats(9_000, 300, json!([])));
            series.push(Duration::from_secs(2), stats(9_000 + lookups, 300 + more, recent.clone()));
            check(&series)
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
        assert!(unused.verdict == Verdict::Unknown && !unused.found.contains("loaded again"), "{unused:?}");
    }

    #[test]
    fn a_cache_whose_values_decode_passes() {
        assert_eq!(check_of(&json!([{"name": "a", "undecodable": 0}])).verdict, Verdict::Pass);
    }
}
