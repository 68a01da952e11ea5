//! A contest. Its contestants take turns in several rounds, so other work on the machine slows all of them
//! about equally.
//!
//! In each round, every contestant is measured once, in a new random order. By default, the first round is a
//! warm-up and is discarded. Comparisons only use figures of the same round.

#![expect(clippy::print_stdout, reason = "printing is the purpose of a bench program")]

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::machine::Circumstances;
use crate::outcome::{Against, Also, Contestant, OURS, Outcome, Skipped, Target, Verdict};
use crate::pace::Pace;
use crate::summary::Summary;
use crate::unit::Unit;

/// The figures of one contestant in one round: the main figure, and further figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    figure: f64,
    also: Vec<(&'static str, Unit, f64)>,
}

impl Measured {
    /// Returns a measurement with a main figure, in the unit of the contest.
    #[must_use]
    pub fn new(figure: f64) -> Self {
        Self { figure, also: Vec::new() }
    }

    /// Adds a further figure, such as a percentile. Every round of a contestant must have the same further
    /// figures.
    #[must_use]
    pub fn also(mut self, measure: &'static str, unit: Unit, figure: f64) -> Self {
        self.also.push((measure, unit, figure));
        self
    }
}

impl From<f64> for Measured {
    fn from(figure: f64) -> Self {
        Self::new(figure)
    }
}

struct Entrant<'a> {
    contestant: Contestant,
    round: Box<dyn FnMut() -> Measured + 'a>,
}

impl Entrant<'_> {
    fn keep(&mut self, measured: Measured) {
        assert!(measured.figure.is_finite(), "{} measured {}", self.contestant.name, measured.figure);
        self.contestant.samples.push(measured.figure);
        for (measure, unit, figure) in measured.also {
            let known = self.contestant.also.iter_mut().find(|also| also.measure == measure);
            if let Some(also) = known {
                also.samples.push(figure);
            } else {
                let (measure, samples) = (measure.to_owned(), vec![figure]);
                self.contestant.also.push(Also { measure, unit, samples });
            }
        }
    }
}

/// A contest for one setting of a row.
#[expect(missing_debug_implementations, reason = "it holds closures")]
#[must_use = "a contest does nothing until it is run"]
pub struct Contest<'a> {
    row: &'static str,
    title: String,
    setting: String,
    unit: Unit,
    at: Option<f64>,
    warms_up: bool,
    entrants: Vec<Entrant<'a>>,
    skipped: Vec<Skipped>,
    targets: Vec<Target>,
    notes: Vec<String>,
}

impl<'a> Contest<'a> {
    /// Returns a contest without contestants. `row` is the id of a row in [`rows`](crate::report::rows). The
    /// setting distinguishes the contest from the row's other contests.
    pub fn new(row: &'static str, title: &str, setting: impl Into<String>, unit: Unit) -> Self {
        Self {
            row,
            title: title.to_owned(),
            setting: setting.into(),
            unit,
            at: None,
            warms_up: true,
            entrants: Vec::new(),
            skipped: Vec::new(),
            targets: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Sets the position of the setting on a line chart, such as the number of entries.
    pub fn at(mut self, place: f64) -> Self {
        self.at = Some(place);
        self
    }

    /// Omits the warm-up round, for work that takes long or needs no warm-up.
    pub fn without_warm_up(mut self) -> Self {
        self.warms_up = false;
        self
    }

    /// Adds a contestant. `name` is its package, optionally with a remark (`moka, ahash`). `durability`
    /// says which of its writes survive a crash. `round` prepares and measures its work, and returns a
    /// figure in the unit of the contest, or a [`Measured`].
    pub fn contestant<M: Into<Measured>>(
        &mut self,
        name: &str,
        durability: &str,
        mut round: impl FnMut() -> M + 'a,
    ) {
        let contestant = Contestant {
            name: name.to_owned(),
            durability: durability.to_owned(),
            samples: Vec::new(),
            also: Vec::new(),
        };
        self.entrants.push(Entrant { contestant, round: Box::new(move || round().into()) });
    }

    /// Records a contestant that can't take part, and the reason.
    pub fn skipped(&mut self, name: &str, reason: &str) {
        self.skipped.push(Skipped { name: name.to_owned(), reason: reason.to_owned() });
    }

    /// Adds a target: larder must be at least `at_least` times as good as `against`.
    pub fn target(&mut self, against: Against, at_least: f64, said: &str) {
        self.target_of(OURS, None, against, at_least, said);
    }

    /// Adds a target for a contestant, for the main measure or for the further measure `measure`.
    pub fn target_of(
        &mut self,
        subject: &str,
        measure: Option<&str>,
        against: Against,
        at_least: f64,
        said: &str,
    ) {
        let (subject, measure) = (subject.to_owned(), measure.map(str::to_owned));
        self.targets.push(Target { subject, measure, against, at_least, said: said.to_owned() });
    }

    /// Adds a note to the report.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Runs the contest, prints the outcome, and saves it as JSON.
    ///
    /// # Panics
    /// Panics if a figure is not finite, or if the outcome can't be written.
    #[expect(clippy::must_use_candidate, reason = "the outcome is printed and saved already")]
    pub fn run(mut self, pace: &Pace) -> Outcome {
        println!("\n{} ({}): {}", self.title, self.row, self.setting);
        let circumstances = Circumstances::now();
        // A fixed seed gives the same orders in every run.
        let mut random = StdRng::seed_from_u64(42);
        let mut order: Vec<usize> = (0..self.entrants.len()).collect();
        let warm_up = usize::from(self.warms_up);
        for round in 0..pace.rounds + warm_up {
            order.shuffle(&mut random);
            for &number in &order {
                let Some(entrant) = self.entrants.get_mut(number) else { continue };
                let measured = (entrant.round)();
                if round >= warm_up {
                    entrant.keep(measured);
                }
            }
        }
        let outcome = Outcome {
            row: self.row.to_owned(),
            title: self.title,
            setting: self.setting,
            at: self.at,
            unit: self.unit,
            contestants: self.entrants.into_iter().map(|entrant| entrant.contestant).collect(),
            skipped: self.skipped,
            targets: self.targets,
            notes: self.notes,
            is_quick: pace.is_quick,
            command: pace.command.clone(),
            circumstances,
        };
        print(&outcome);
        outcome.save(&pace.outcomes).expect("an outcome can be written below target/");
        outcome
    }
}

fn print(outcome: &Outcome) {
    for contestant in &outcome.contestants {
        let Some(figures) = Summary::of(&contestant.samples) else { continue };
        let ratio = outcome.advantage(OURS, &contestant.name, None).filter(|_| contestant.name != OURS);
        let ratio = ratio.map_or_else(String::new, |ratio| {
            format!("  larder {:>5.2} × ({:.2} to {:.2})", ratio.median, ratio.lower, ratio.upper)
        });
        let show = |figure| outcome.unit.show(figure);
        let spread = format!("{} to {}", show(figures.lower), show(figures.upper));
        println!("  {:<28} {:>12}  {spread:<26}{ratio}", contestant.name, show(figures.median));
        for also in &contestant.also {
            let median = Summary::of(&also.samples).map_or(f64::NAN, |figures| figures.median);
            println!("    {:<26} {:>12}", also.measure, also.unit.show(median));
        }
    }
    for skipped in &outcome.skipped {
        println!("  {:<28} skipped: {}", skipped.name, skipped.reason);
    }
    for target in &outcome.targets {
        let verdict = match outcome.verdict(target) {
            Verdict::Met(ratio) => format!("met, {ratio:.2} (at least {:.2})", target.at_least),
            Verdict::Short(ratio) => format!("FALLS SHORT, {ratio:.2} (at least {:.2})", target.at_least),
            Verdict::Unmeasured => "not measured".to_owned(),
        };
        println!("  target: {}: {verdict}", target.said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn every_contestant_has_a_turn_in_every_round_and_the_first_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let pace = Pace {
            rounds: 4,
            is_quick: true,
            command: String::new(),
            outcomes: dir.path().to_owned(),
            wanted: Vec::new(),
        };
        let turns = RefCell::new(Vec::new());
        let mut contest = Contest::new("memory-hit", "a test", "small", Unit::Count);
        for name in ["larder", "moka", "quick_cache"] {
            let turns = &turns;
            contest.contestant(name, "memory only", move || {
                turns.borrow_mut().push(name);
                Measured::new(f64::from(u32::try_from(turns.borrow().len()).unwrap())).also(
                    "p99",
                    Unit::Count,
                    1.0,
                )
            });
        }
        let outcome = contest.run(&pace);
        let turns = turns.into_inner();
        assert_eq!(turns.len(), 15);
        for round in turns.chunks(3) {
            assert!(["larder", "moka", "quick_cache"].iter().all(|name| round.contains(name)), "{round:?}");
        }
        assert!(turns.chunks(3).any(|round| round != &turns[..3]), "the order never changed: {turns:?}");
        for contestant in &outcome.contestants {
            assert_eq!(contestant.samples.len(), 4);
            assert!(contestant.samples.iter().all(|turn| *turn > 3.0), "the warm-up was kept");
            assert_eq!(contestant.also[0].samples.len(), 4);
        }
        assert_eq!(Outcome::load_all(dir.path()).unwrap().len(), 1);
    }
}
