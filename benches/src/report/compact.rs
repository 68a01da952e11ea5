//! One table for all settings of a section. It is used for a section with many settings, where a table for
//! each setting would fill pages.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::page::{ratio, versioned};
use super::reasons::Reasons;
use crate::outcome::{OURS, Outcome, Verdict};
use crate::summary::Summary;

/// Maximum number of settings with a table each.
const MAX_TABLES: usize = 12;

/// Returns whether the outcomes of a section share a table. Further measures need a table for each setting.
pub(super) fn is_compact(outcomes: &[&Outcome]) -> bool {
    let contestants = || outcomes.iter().flat_map(|outcome| &outcome.contestants);
    outcomes.len() > MAX_TABLES && contestants().all(|contestant| contestant.also.is_empty())
}

/// Writes the table, with a line for each setting, and the verdicts below it.
pub(super) fn table(out: &mut String, outcomes: &[&Outcome], reasons: &Reasons) {
    let mut names: Vec<&str> = Vec::new();
    for contestant in outcomes.iter().flat_map(|outcome| &outcome.contestants) {
        if contestant.name != OURS && !names.contains(&contestant.name.as_str()) {
            names.push(&contestant.name);
        }
    }
    let Some(first) = outcomes.first() else { return };
    let heads: Vec<String> = names.iter().map(|name| versioned(name, &first.circumstances)).collect();
    let _ = writeln!(out, "How many times as good larder is as each peer:\n");
    let _ = writeln!(out, "| setting | {OURS} | {} |", heads.join(" | "));
    let _ = writeln!(out, "|---|--:|{}", "--:|".repeat(names.len()));
    for outcome in outcomes {
        let ours = outcome.contestant(OURS).and_then(|ours| Summary::of(&ours.samples));
        let ours = ours.map_or_else(|| "–".to_owned(), |figures| outcome.unit.show(figures.median));
        let ratios: Vec<String> = names.iter().map(|name| ratio(outcome, name)).collect();
        let _ = writeln!(out, "| {} | {ours} | {} |", outcome.setting, ratios.join(" | "));
    }
    out.push('\n');
    verdicts(out, outcomes, reasons);
}

/// Writes a line for each target: in how many settings it is met, and the settings that fall short.
fn verdicts(out: &mut String, outcomes: &[&Outcome], reasons: &Reasons) {
    let mut targets: Vec<&str> = Vec::new();
    for target in outcomes.iter().flat_map(|outcome| &outcome.targets) {
        if !targets.contains(&target.said.as_str()) {
            targets.push(&target.said);
        }
    }
    for said in targets {
        let (mut all, mut short) = (0, BTreeMap::<&str, Vec<String>>::new());
        for outcome in outcomes {
            for target in outcome.targets.iter().filter(|target| target.said == said) {
                all += 1;
                let (reached, least) = match outcome.verdict(target) {
                    Verdict::Met(_) => continue,
                    Verdict::Short(reached) => (format!("{reached:.2}"), target.at_least),
                    Verdict::Unmeasured => ("not measured".to_owned(), target.at_least),
                };
                let reason = reasons.of(&outcome.slug()).unwrap_or("no reason is given yet");
                let missed = format!("{} ({reached} of {least:.2})", outcome.setting);
                short.entry(reason).or_default().push(missed);
            }
        }
        let missed: usize = short.values().map(Vec::len).sum();
        let _ = writeln!(out, "- {said}: met in {} of {all} settings.", all - missed);
        for (reason, settings) in short {
            let _ = writeln!(out, "- {said}: **falls short** in {}: {reason}.", settings.join("; "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::tests::sample;

    fn many() -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = (0..=MAX_TABLES).map(|_| sample()).collect();
        for (number, outcome) in outcomes.iter_mut().enumerate() {
            outcome.setting = format!("setting {number}");
            outcome.contestants.iter_mut().for_each(|contestant| contestant.also.clear());
        }
        outcomes
    }

    #[test]
    fn many_settings_share_a_table_and_few_do_not() {
        let outcomes = many();
        let all: Vec<&Outcome> = outcomes.iter().collect();
        assert!(is_compact(&all) && !is_compact(&all[1..]));
        let further = sample();
        assert!(!is_compact(&[all, vec![&further]].concat()), "further measures have no column");
    }

    #[test]
    fn each_setting_has_a_line_and_each_target_names_the_settings_that_miss_it() {
        let mut outcomes = many();
        outcomes[3].targets[0].at_least = 2.5;
        let all: Vec<&Outcome> = outcomes.iter().collect();
        let mut out = String::new();
        table(&mut out, &all, &Reasons::parse("memory-hit: it was a test").unwrap());
        for expected in [
            "| setting | larder | moka (0.12.1) |",
            "| setting 12 | 100.0 ns | 2.00 × (2.00 to 2.00) |",
            "- 2 × moka: met in 12 of 13 settings.",
            "- 2 × moka: **falls short** in setting 3 (2.00 of 2.50): it was a test.",
        ] {
            assert!(out.contains(expected), "{expected} is not in\n{out}");
        }
    }
}
