//! The outcome of a contest. It contains every sample, so that ratios, spreads and verdicts can be computed
//! later.
//!
//! A ratio compares two figures of the same round, because in one round the machine is equally busy for all
//! contestants. The result is the median of these ratios. A ratio of two medians might compare quiet rounds
//! of one contestant with busy rounds of another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::machine::{Circumstances, slug};
use crate::summary::Summary;
use crate::unit::Unit;

/// Name of the contestant whose ratios are reported.
pub const OURS: &str = "larder";

/// The outcome of one setting of a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// Id of the row in the report, such as `memory-hit`.
    pub row: String,
    /// What is measured, in words.
    pub title: String,
    /// The setting, in words.
    pub setting: String,
    /// In a row that shows growth: the position on the line chart, such as the number of entries.
    pub at: Option<f64>,
    /// Unit of the samples.
    pub unit: Unit,
    /// The contestants that took part.
    pub contestants: Vec<Contestant>,
    /// The contestants that did not take part.
    pub skipped: Vec<Skipped>,
    /// The targets.
    pub targets: Vec<Target>,
    /// Notes for the reader.
    pub notes: Vec<String>,
    /// Whether this was a quick run. The figures of a quick run are less exact.
    pub is_quick: bool,
    /// The command that repeats the measurement.
    pub command: String,
    /// The circumstances of the measurement.
    pub circumstances: Circumstances,
}

/// A contestant that took part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Contestant {
    /// Name of the package, with an optional remark.
    pub name: String,
    /// Which of its writes survive a crash.
    pub durability: String,
    /// One sample per round, in the order of the rounds.
    pub samples: Vec<f64>,
    /// Further measures of the same rounds.
    pub also: Vec<Also>,
}

/// A further measure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Also {
    /// Name of the measure, such as `p99`.
    pub measure: String,
    /// Unit of the samples.
    pub unit: Unit,
    /// One sample per round.
    pub samples: Vec<f64>,
}

/// A contestant that did not take part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Name of the contestant.
    pub name: String,
    /// Why the contestant did not take part.
    pub reason: String,
}

/// What a contestant is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Against {
    /// One peer.
    Peer(String),
    /// The best of these peers.
    Best(Vec<String>),
    /// A fixed figure, in the unit of the measure.
    Bound(f64),
}

impl Against {
    /// Returns a comparison with one peer.
    #[must_use]
    pub fn peer(name: &str) -> Self {
        Self::Peer(name.to_owned())
    }

    /// Returns a comparison with the best of these peers.
    #[must_use]
    pub fn best(names: &[&str]) -> Self {
        Self::Best(names.iter().map(|&name| name.to_owned()).collect())
    }
}

/// A target of a contest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The contestant that should meet the target.
    pub subject: String,
    /// The further measure of the target, or `None` for the main measure.
    pub measure: Option<String>,
    /// What the contestant is compared with.
    pub against: Against,
    /// How many times as good the contestant must be.
    pub at_least: f64,
    /// The target in words.
    pub said: String,
}

/// The verdict on a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// The target is met, with this median ratio.
    Met(f64),
    /// The target is missed, with this median ratio.
    Short(f64),
    /// The verdict is unknown, because one of the figures was not measured.
    Unmeasured,
}

impl Outcome {
    /// Returns the contestant with this name.
    #[must_use]
    pub fn contestant(&self, name: &str) -> Option<&Contestant> {
        self.contestants.iter().find(|contestant| contestant.name == name)
    }

    /// Returns how many times as good as `peer` the contestant `subject` was, summarized over the rounds.
    #[must_use]
    pub fn advantage(&self, subject: &str, peer: &str, measure: Option<&str>) -> Option<Summary> {
        let (unit, ours) = self.contestant(subject)?.measure(measure, self.unit)?;
        let (_, theirs) = self.contestant(peer)?.measure(measure, self.unit)?;
        let rounds = ours.iter().zip(theirs);
        Summary::of(&rounds.map(|(ours, theirs)| unit.advantage(*ours, *theirs)).collect::<Vec<_>>())
    }

    /// Returns whether a target is met.
    #[must_use]
    pub fn verdict(&self, target: &Target) -> Verdict {
        let measure = target.measure.as_deref();
        let over = |peer: &String| self.advantage(&target.subject, peer, measure).map(|ratio| ratio.median);
        let reached = match &target.against {
            Against::Peer(peer) => over(peer),
            // Ignores peers that could not take part.
            Against::Best(peers) => peers.iter().filter_map(over).min_by(f64::total_cmp),
            Against::Bound(bound) => self.over_bound(&target.subject, measure, *bound),
        };
        match reached {
            Some(ratio) if ratio >= target.at_least => Verdict::Met(ratio),
            Some(ratio) => Verdict::Short(ratio),
            None => Verdict::Unmeasured,
        }
    }

    fn over_bound(&self, subject: &str, measure: Option<&str>, bound: f64) -> Option<f64> {
        let (unit, samples) = self.contestant(subject)?.measure(measure, self.unit)?;
        Some(unit.advantage(Summary::of(samples)?.median, bound))
    }

    /// Returns the name of the outcome's file, without its extension.
    #[must_use]
    pub fn slug(&self) -> String {
        slug(&format!("{} {}", self.row, self.setting))
    }

    /// Saves the outcome in a directory, and replaces the outcome of an earlier run.
    ///
    /// # Errors
    /// Fails if the file can't be written.
    pub fn save(&self, dir: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(dir)?;
        let path = dir.join(format!("{}.json", self.slug()));
        fs::write(&path, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(path)
    }

    /// Loads all outcomes in a directory, sorted by their position on a line chart, then by row and
    /// setting. Settings are sorted by the text before their first number, and then by that number. So
    /// `10k` comes before `100k`, and `100k` before `1M`. Returns an empty list if the directory does not
    /// exist.
    ///
    /// # Errors
    /// Fails if a file can't be read, or is not an outcome.
    pub fn load_all(dir: &Path) -> io::Result<Vec<Self>> {
        let mut found = Vec::new();
        for file in fs::read_dir(dir).into_iter().flatten() {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let outcome: Self = serde_json::from_str(&fs::read_to_string(&path)?)
                    .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
                found.push(outcome);
            }
        }
        found.sort_by(|one, other| {
            let at = |outcome: &Self| outcome.at.unwrap_or(0.0);
            let text = |outcome: &Self| (outcome.row.clone(), by_number(&outcome.setting));
            at(one).total_cmp(&at(other)).then_with(|| text(one).cmp(&text(other)))
        });
        Ok(found)
    }
}

/// Returns a key that sorts settings by the text before their first number, by that number, and by the rest.
fn by_number(setting: &str) -> (String, u64, String) {
    let (before, rest) = setting.split_at(setting.find(|letter: char| letter.is_ascii_digit()).unwrap_or(0));
    let len = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(len);
    let times = match after.chars().next() {
        Some('k') => 1_000,
        Some('M') => 1_000_000,
        _ => 1,
    };
    (before.to_owned(), digits.parse::<u64>().unwrap_or(0) * times, after.to_owned())
}

impl Contestant {
    /// Returns the samples of a further measure, or of the main measure if `measure` is `None`, with their
    /// unit.
    #[must_use]
    pub fn measure(&self, measure: Option<&str>, main: Unit) -> Option<(Unit, &[f64])> {
        let Some(name) = measure else { return Some((main, &self.samples)) };
        self.also.iter().find(|also| also.measure == name).map(|also| (also.unit, also.samples.as_slice()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Returns an outcome of two contestants. Their samples differ up to tenfold between rounds, but always
    /// have the same ratio.
    pub(crate) fn sample() -> Outcome {
        let contestant = |name: &str, samples: &[f64]| Contestant {
            name: name.to_owned(),
            durability: "memory only".to_owned(),
            samples: samples.to_vec(),
            also: vec![Also {
                measure: "p99".to_owned(),
                unit: Unit::NanosPerOperation,
                samples: samples.iter().map(|sample| 10.0 * sample).collect(),
            }],
        };
        let target = |against: Against, at_least: f64| Target {
            subject: OURS.to_owned(),
            measure: None,
            against,
            at_least,
            said: format!("{at_least} × moka"),
        };
        Outcome {
            row: "memory-hit".to_owned(),
            title: "memory hit".to_owned(),
            setting: "100k, Zipf".to_owned(),
            at: None,
            unit: Unit::NanosPerOperation,
            contestants: vec![
                contestant(OURS, &[50.0, 500.0, 100.0]),
                contestant("moka", &[100.0, 1_000.0, 200.0]),
            ],
            skipped: vec![Skipped { name: "redis".to_owned(), reason: "not installed".to_owned() }],
            targets: vec![target(Against::peer("moka"), 2.0), target(Against::Bound(90.0), 1.0)],
            notes: vec!["A note.".to_owned()],
            is_quick: false,
            command: "cargo bench".to_owned(),
            circumstances: Circumstances {
                processor: "a processor".to_owned(),
                processors: 2,
                memory_mib: 1024,
                kernel: "6".to_owned(),
                filesystem: "ext4".to_owned(),
                load: "0.1".to_owned(),
                rustc: "rustc 1".to_owned(),
                commit: "abcdef".to_owned(),
                versions: BTreeMap::from([("moka".to_owned(), "0.12.1".to_owned())]),
                date: "2026-01-01 00:00".to_owned(),
            },
        }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let ratio = sample().advantage(OURS, "moka", None).unwrap();
        assert!((ratio.least - 2.0).abs() < 1e-9 && (ratio.most - 2.0).abs() < 1e-9, "{ratio:?}");
        assert_eq!(sample().advantage(OURS, "moka", Some("p99")), Some(ratio));
        assert_eq!(sample().advantage(OURS, "nobody", None), None);
    }

    #[test]
    fn a_target_is_met_fallen_short_of_or_not_measured() {
        let outcome = sample();
        let verdict = |against: Against, at_least: f64| {
            let said = String::new();
            outcome.verdict(&Target { subject: OURS.to_owned(), measure: None, against, at_least, said })
        };
        assert_eq!(verdict(Against::peer("moka"), 2.0), Verdict::Met(2.0));
        assert_eq!(verdict(Against::peer("moka"), 2.1), Verdict::Short(2.0));
        assert_eq!(verdict(Against::best(&["moka", "redis"]), 1.0), Verdict::Met(2.0));
        assert_eq!(verdict(Against::peer("redis"), 1.0), Verdict::Unmeasured);
        assert_eq!(verdict(Against::Bound(50.0), 1.0), Verdict::Short(0.5));
        assert_eq!(verdict(Against::Bound(100.0), 1.0), Verdict::Met(1.0));
    }

    #[test]
    fn settings_are_sorted_by_their_number() {
        let mut settings =
            ["GET, 50 connections", "1M resident", "GET, 1 connection", "100k, b", "10k", "100k, a"];
        settings.sort_by_key(|setting| by_number(setting));
        let expected =
            ["10k", "100k, a", "100k, b", "1M resident", "GET, 1 connection", "GET, 50 connections"];
        assert_eq!(settings, expected);
    }

    #[test]
    fn what_is_kept_is_read_again_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Outcome::load_all(&dir.path().join("missing")).unwrap().is_empty());
        let path = sample().save(dir.path()).unwrap();
        assert_eq!(path.file_name().unwrap(), "memory-hit-100k-zipf.json");
        let read = Outcome::load_all(dir.path()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", [sample()]));
    }
}
