//! Renders the page: a table of targets, and a section for each row.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::Section;
use super::compact::{is_compact, table};
use super::earlier::{EarlierPage, IN_ONE_GO, NOT_RUN};
use super::fold::folded;
use super::reasons::Reasons;
use crate::machine::{Circumstances, REDIS_SERVER};
use crate::outcome::{Contestant, OURS, Outcome, Target, Verdict};
use crate::summary::Summary;

const INTRODUCTION: &str = "# Benchmarks

`just bench-page` measures all of this page and generates it. Only the reasons why a figure falls short are
written by hand (`benches/reasons.txt`).

How it is measured:

- Contestants take turns, round after round, in an order that is chosen at random for each round. The first
  round is not counted.
- A figure is the median of a contestant's rounds, with its quartiles.
- A ratio is computed within each round, because in one round the conditions of the machine are the same for
  both contestants. The table has the median of these ratios, with its quartiles. Above 1, larder is better,
  whatever the unit.
- Peers have the settings that their documentation recommends. The column \"durability\" says which of their
  writes survive a crash.
";

/// Packages that are clients of redis-server.
const CLIENTS: [&str; 2] = ["redis", "fred"];

/// Returns the whole page. Keeps the sections of the earlier page for rows that have no outcome now.
#[must_use]
pub fn page(sections: &[Section<'_>], reasons: &Reasons, earlier: &EarlierPage) -> String {
    let mut out = INTRODUCTION.to_owned();
    out.push_str(&age(sections, earlier));
    overview(&mut out, sections, earlier);
    circumstances(&mut out, sections, earlier);
    for section in sections {
        let _ = write!(out, "\n## {}\n\n", section.title);
        if let Some(text) = earlier.section(section.title).filter(|_| section.outcomes.is_empty()) {
            let _ = writeln!(out, "{text}");
            continue;
        }
        if !section.setting.is_empty() {
            let _ = writeln!(out, "Setting: {}. Target: {}.\n", section.setting, section.target);
        }
        if section.outcomes.is_empty() {
            let _ = writeln!(out, "{NOT_RUN}");
            continue;
        }
        let _ = writeln!(out, "![{}](benchmarks/{}.svg)\n", section.title, section.id);
        if is_compact(&section.outcomes) {
            table(&mut out, &section.outcomes, reasons);
        } else {
            section.outcomes.iter().for_each(|outcome| setting(&mut out, outcome, reasons));
        }
        notes(&mut out, &section.outcomes);
        how(&mut out, &section.outcomes);
    }
    // Two parts of the page can leave two empty lines between them.
    while out.contains("\n\n\n") {
        out = out.replace("\n\n\n", "\n\n");
    }
    folded(&out)
}

/// Returns the list item that says when the sections were measured.
fn age(sections: &[Section<'_>], earlier: &EarlierPage) -> String {
    let mut all: Vec<&Circumstances> =
        sections.iter().flat_map(|section| &section.outcomes).map(|outcome| &outcome.circumstances).collect();
    all.sort_by_key(|circumstances| &circumstances.date);
    match all.as_slice() {
        [first, .., last]
            if !keeps(sections, earlier) && all.iter().all(|one| one.commit == first.commit) =>
        {
            format!(
                "{IN_ONE_GO}, from {} to {} (UTC), on commit {}. The load average of the \
             machine before the first measurement was {}.\n",
                first.date, last.date, first.commit, first.load
            )
        }
        [] if earlier.age.is_some() => earlier.age.clone().unwrap_or_default() + "\n",
        _ => {
            "- A section may be older than another. Its last lines have its day and its commit.\n".to_owned()
        }
    }
}

/// Returns whether the page keeps a section of the earlier page.
fn keeps(sections: &[Section<'_>], earlier: &EarlierPage) -> bool {
    sections.iter().any(|section| section.outcomes.is_empty() && earlier.section(section.title).is_some())
}

/// Writes the table of targets, with the result of each row.
fn overview(out: &mut String, sections: &[Section<'_>], earlier: &EarlierPage) {
    out.push_str("\n| what | target | reached |\n|---|---|---|\n");
    for section in sections {
        let kept = earlier.reached(section.title).filter(|_| section.outcomes.is_empty());
        let reached = kept.map_or_else(|| reached(section), str::to_owned);
        let _ = writeln!(out, "| {} | {} | {reached} |", section.title, section.target);
    }
}

fn reached(section: &Section<'_>) -> String {
    let verdicts: Vec<Verdict> = section
        .outcomes
        .iter()
        .flat_map(|outcome| outcome.targets.iter().map(|target| outcome.verdict(target)))
        .collect();
    let short = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Short(_))).count();
    let unmeasured = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Unmeasured)).count();
    match (section.outcomes.len(), verdicts.len(), short, unmeasured) {
        (0, ..) => "not run".to_owned(),
        (_, 0, ..) => "reported below".to_owned(),
        (.., 0, 0) => "met".to_owned(),
        (_, all, 0, unmeasured) => format!("met, but {unmeasured} of {all} not measured"),
        (_, all, short, _) => format!("**falls short** in {short} of {all}"),
    }
}

/// Writes the machines and package versions of the measurements, each only once. Includes those of the
/// earlier page if one of its sections is kept.
fn circumstances(out: &mut String, sections: &[Section<'_>], earlier: &EarlierPage) {
    let all: Vec<&Outcome> = sections.iter().flat_map(|section| section.outcomes.iter().copied()).collect();
    let mut machines: BTreeSet<String> = all.iter().map(|outcome| machine(&outcome.circumstances)).collect();
    let kept = keeps(sections, earlier);
    machines.extend(earlier.machines.iter().filter(|_| kept).cloned());
    for machine in machines {
        let _ = writeln!(out, "\nMachine: {machine}.");
    }
    let mut used: BTreeSet<String> = all
        .iter()
        .flat_map(|outcome| outcome.circumstances.versions.iter())
        .filter(|(package, _)| package.as_str() != OURS)
        .map(|(package, version)| format!("{package} {version}"))
        .collect();
    used.extend(earlier.versions.iter().filter(|_| kept).cloned());
    if !used.is_empty() {
        let used: Vec<String> = used.into_iter().collect();
        let _ = writeln!(out, "\nVersions: {}.", used.join(", "));
    }
}

fn machine(circumstances: &Circumstances) -> String {
    let Circumstances { processor, processors, memory_mib, kernel, filesystem, rustc, .. } = circumstances;
    format!(
        "{processor}, {processors} processors, {} GiB of memory, Linux {kernel}, temporary files on {filesystem}, {rustc}",
        (memory_mib + 512) / 1024
    )
}

fn setting(out: &mut String, outcome: &Outcome, reasons: &Reasons) {
    let _ = writeln!(out, "\n### {}\n", outcome.setting);
    let mut measures: Vec<&str> = Vec::new();
    for also in outcome.contestants.iter().flat_map(|contestant| &contestant.also) {
        if !measures.contains(&also.measure.as_str()) {
            measures.push(&also.measure);
        }
    }
    let more = measures.iter().fold(String::new(), |more, measure| more + " " + measure + " |");
    let _ = writeln!(out, "| contestant | durability | median | quartiles | larder is |{more}");
    let _ = writeln!(out, "|---|---|--:|--:|--:|{}", "--:|".repeat(measures.len()));
    for contestant in &outcome.contestants {
        let name = versioned(&contestant.name, &outcome.circumstances);
        let more: String = measures.iter().map(|measure| further(contestant, measure)).collect();
        let Some(figures) = Summary::of(&contestant.samples) else { continue };
        let show = |figure| outcome.unit.show(figure);
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {} to {} | {} |{more}",
            contestant.durability,
            show(figures.median),
            show(figures.lower),
            show(figures.upper),
            ratio(outcome, &contestant.name),
        );
    }
    out.push('\n');
    for skipped in &outcome.skipped {
        let _ = writeln!(out, "- {} was not measured: {}.", skipped.name, skipped.reason);
    }
    for target in &outcome.targets {
        let _ = writeln!(out, "- {}", judged(outcome, target, reasons));
    }
}

pub(super) fn ratio(outcome: &Outcome, name: &str) -> String {
    let ratio = outcome.advantage(OURS, name, None).filter(|_| name != OURS);
    ratio.map_or_else(
        || "–".to_owned(),
        |ratio| format!("{:.2} × ({:.2} to {:.2})", ratio.median, ratio.lower, ratio.upper),
    )
}

fn further(contestant: &Contestant, measure: &str) -> String {
    let also = contestant.also.iter().find(|also| also.measure == measure);
    let median = also.and_then(|also| Some((also.unit, Summary::of(&also.samples)?.median)));
    median.map_or_else(|| " – |".to_owned(), |(unit, figure)| format!(" {} |", unit.show(figure)))
}

fn judged(outcome: &Outcome, target: &Target, reasons: &Reasons) -> String {
    match outcome.verdict(target) {
        Verdict::Met(ratio) => format!("{}: met, {ratio:.2} × the reference.", target.said),
        Verdict::Short(ratio) => {
            let reason = reasons.of(&outcome.slug()).unwrap_or("no reason is given yet");
            let least = target.at_least;
            format!("{}: **falls short**, {ratio:.2} where {least:.2} is required: {reason}.", target.said)
        }
        Verdict::Unmeasured => format!("{}: not measured.", target.said),
    }
}

/// Returns the name of a contestant, with the version of its package. For a Redis client, the version of
/// the server follows.
pub(super) fn versioned(name: &str, circumstances: &Circumstances) -> String {
    let mut words = name.split(|letter: char| !(letter.is_alphanumeric() || "_-".contains(letter)));
    let version = |package: &str| circumstances.versions.get(package).filter(|_| package != OURS);
    let server = || version(REDIS_SERVER).map(|version| format!("{REDIS_SERVER} {version}"));
    let versions = if name.starts_with("Redis") {
        vec![server()]
    } else {
        let package = words.find_map(|word| Some((word, version(word)?.clone())));
        let is_client = package.as_ref().is_some_and(|(word, _)| CLIENTS.contains(word));
        vec![package.map(|(_, version)| version), is_client.then(server).flatten()]
    };
    let versions: Vec<String> = versions.into_iter().flatten().collect();
    if versions.is_empty() { name.to_owned() } else { format!("{name} ({})", versions.join(", ")) }
}

fn notes(out: &mut String, outcomes: &[&Outcome]) {
    let mut seen = BTreeSet::new();
    for note in outcomes.iter().flat_map(|outcome| &outcome.notes) {
        if seen.insert(note) {
            let _ = writeln!(out, "\n{note}");
        }
    }
}

/// Writes the commands that repeat the measurements, and the dates and commits of the figures.
fn how(out: &mut String, outcomes: &[&Outcome]) {
    let mut seen = BTreeSet::new();
    for outcome in outcomes {
        let Outcome { command, circumstances, is_quick, .. } = outcome;
        let rounds = outcome.contestants.iter().map(|contestant| contestant.samples.len()).max().unwrap_or(0);
        let day = circumstances.date.split(' ').next().unwrap_or("?");
        let quick = if *is_quick { ", quick: figures need only be plausible" } else { "" };
        let line =
            format!("`{command}`, {rounds} rounds{quick}, {day} (UTC), commit {}", circumstances.commit);
        if seen.insert(line.clone()) {
            let _ = writeln!(out, "\n{line}.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::tests::sample;
    use crate::report::sections;

    #[test]
    fn a_page_says_what_was_measured_met_missed_and_not_run() {
        let reasons = Reasons::parse("memory-hit: it was a test").unwrap();
        let page = page(&sections(&[sample()]), &reasons, &EarlierPage::default());
        for expected in [
            "| Memory hit | independent: 0.8 × quick_cache, 1.3 × the best peer that offers TTL; dependent: 1.0 × quick_cache, and \
             1.3 × from 100k on | **falls short** in 1 of 2 |",
            "| The whole | 5 × foyer hybrid, 10 × Redis, and ahead of a naive quick_cache over redb with an fsync every 100 ms; p99 of \
             lookups 0.9 × the naive one's | not run |",
            "| larder | memory only | 100.0 ns | 75.0 ns to 300.0 ns | – | 1.00 µs |",
            "| moka (0.12.1) | memory only | 200.0 ns | 150.0 ns to 600.0 ns | 2.00 × (2.00 to 2.00) | 2.00 µs |",
            "- redis was not measured: not installed.",
            "- 2 × moka: met, 2.00 × the reference.",
            "**falls short**, 0.90 where 1.00 is required: it was a test.",
            "A note.",
            "`cargo bench`, 3 rounds, 2026-01-01 (UTC), commit abcdef.",
            "Machine: a processor, 2 processors, 1 GiB of memory",
            "## The whole\n\nSetting",
            "Not run.",
        ] {
            assert!(page.contains(expected), "{expected} is not in\n{page}");
        }
    }

    #[test]
    fn redis_has_the_version_of_its_server_and_a_client_has_both() {
        let mut circumstances = sample().circumstances;
        for (package, version) in [("redis", "1.8.1"), (REDIS_SERVER, "7.0.15"), (OURS, "0.1.0")] {
            circumstances.versions.insert(package.to_owned(), version.to_owned());
        }
        for (name, expected) in [
            ("Redis, always", "Redis, always (redis-server 7.0.15)"),
            ("redis, Unix socket", "redis, Unix socket (1.8.1, redis-server 7.0.15)"),
            ("moka, ahash", "moka, ahash (0.12.1)"),
            ("larder, broadcast", "larder, broadcast"),
        ] {
            assert_eq!(versioned(name, &circumstances), expected);
        }
    }

    #[test]
    fn a_page_of_one_go_says_so_and_names_no_earlier_machine() {
        let outcomes = |commit: &str| {
            let mut outcomes = [sample(), sample()];
            outcomes[1].circumstances.date = "2026-01-01 00:40".to_owned();
            outcomes[1].circumstances.commit = commit.to_owned();
            outcomes
        };
        let earlier = EarlierPage::parse("# Benchmarks\n\nMachine: another machine.\n");
        assert_eq!(earlier.machines, ["another machine"]);
        let text = page(&sections(&outcomes("abcdef")), &Reasons::default(), &earlier);
        let said = text.replace("\n  ", " ");
        assert!(
            said.contains("in one go, from 2026-01-01 00:00 to 2026-01-01 00:40 (UTC), on commit abcdef."),
            "{said}"
        );
        assert!(!text.contains("another machine"), "{text}");
        let text = page(&sections(&outcomes("fedcba")), &Reasons::default(), &earlier);
        assert!(text.contains("A section may be older than another."), "{text}");
    }

    #[test]
    fn sections_without_an_outcome_are_kept_from_the_page_before() {
        let (none, reasons) = (EarlierPage::default(), Reasons::default());
        let of = |row: &str, figure: f64| {
            let mut outcome = sample();
            outcome.row = row.to_owned();
            outcome.circumstances.versions.insert(row.to_owned(), figure.to_string());
            outcome
        };
        let before = page(&sections(&[of("memory-hit", 1.0), of("disk-hit", 2.0)]), &reasons, &none);
        let earlier = EarlierPage::parse(&before);
        assert_eq!(page(&sections(&[]), &reasons, &earlier), before, "nothing was run");
        let after = page(&sections(&[of("memory-hit", 3.0)]), &reasons, &earlier);
        let of_section = |page: &str, title: &str| {
            let (_, rest) = page.split_once(&format!("\n## {title}\n")).unwrap();
            rest.split("\n## ").next().unwrap().to_owned()
        };
        for title in ["Memory hit", "Disk hit after a restart, page cache warm"] {
            assert_eq!(of_section(&after, title), of_section(&before, title));
        }
        let row = |page: &str| page.lines().find(|line| line.starts_with("| Disk hit")).map(str::to_owned);
        assert_eq!(row(&after), row(&before));
        for version in ["disk-hit 2", "memory-hit 1", "memory-hit 3"] {
            assert!(after.contains(version), "{version} is not in\n{after}");
        }
        assert!(of_section(&after, "The whole").ends_with("Not run.\n"));
    }
}
