//! The order of the bench programs in a run of the whole page, and the number of rounds that the time allows.
//!
//! The estimates are from a machine with two processors. If a program takes longer than estimated, the
//! programs after it make fewer rounds, so that the whole run ends in time.

/// A bench program in a run of the whole page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Name of the program.
    pub program: &'static str,
    /// Estimated time that does not depend on the number of rounds, in seconds, for example to fill files.
    pub fixed: u64,
    /// Estimated time of one round of all settings, in seconds.
    pub each: u64,
    /// Maximum number of rounds in a run of the whole page.
    pub rounds: u64,
}

const fn step(program: &'static str, fixed: u64, each: u64, rounds: u64) -> Step {
    Step { program, fixed, each, rounds }
}

/// Time of a run of the whole page, in minutes.
pub const MINUTES: u64 = 45;
/// Minimum number of rounds. A program with fewer planned rounds makes all of them.
const LEAST_ROUNDS: u64 = 2;

/// All programs with a row of the page, in the order in which they run.
pub const STEPS: [Step; 24] = [
    step("memory_hit", 75, 55, 3),
    step("load_hit", 3, 1, 15),
    step("memory_insert", 20, 12, 4),
    step("memory_mixed", 40, 20, 3),
    step("memory_per_entry", 90, 0, 3),
    step("instructions", 30, 0, 1),
    step("hit_ratio", 30, 0, 1),
    step("disk_hit", 40, 5, 4),
    step("buffered_insert", 30, 8, 3),
    step("durable_remove", 20, 8, 4),
    step("reopen", 10, 5, 4),
    step("sweeping", 50, 110, 2),
    step("range_removal", 10, 25, 2),
    step("load_stampede", 0, 2, 5),
    step("load_expiry", 0, 9, 2),
    step("hot_counter", 1, 10, 3),
    step("several_keys", 5, 1, 8),
    step("whole", 30, 5, 4),
    step("serve", 15, 70, 2),
    step("several_machines", 5, 125, 2),
    step("growth", 330, 8, 3),
    step("file_size", 30, 0, 1),
    step("value_formats", 5, 4, 5),
    step("compression", 2, 2, 5),
];

impl Step {
    /// Returns the estimated time of `rounds` rounds, in seconds. A warm-up round is added to `rounds`.
    #[must_use]
    pub const fn seconds(&self, rounds: u64) -> u64 {
        self.fixed + self.each * (rounds + 1)
    }
}

/// Returns the estimated time of all programs, in seconds.
#[must_use]
pub fn seconds(steps: &[Step]) -> u64 {
    steps.iter().map(|step| step.seconds(step.rounds)).sum()
}

/// Returns the number of rounds of the first program of `steps`, if all programs have to end within `left`
/// seconds. All programs give up the same share of their rounds, but each program keeps at least two
/// rounds, if it has so many.
#[must_use]
pub fn rounds(steps: &[Step], left: u64) -> u64 {
    let Some(first) = steps.first() else { return 0 };
    let least: u64 = steps.iter().map(|step| step.seconds(0)).sum();
    let wanted: u64 = steps.iter().map(|step| step.each * step.rounds).sum();
    let room = left.saturating_sub(least);
    if room >= wanted {
        first.rounds
    } else {
        (first.rounds * room / wanted).max(LEAST_ROUNDS.min(first.rounds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::rows::ROWS;

    #[test]
    fn every_row_has_one_program_in_the_plan() {
        for row in &ROWS {
            let found = STEPS.iter().filter(|step| step.program == row.program).count();
            assert_eq!(found, 1, "{}", row.program);
        }
        for step in &STEPS {
            assert!(ROWS.iter().any(|row| row.program == step.program), "{} has no row", step.program);
        }
    }

    #[test]
    fn the_whole_plan_fits_into_the_time_that_the_page_states() {
        assert!(seconds(&STEPS) <= MINUTES * 60, "{} s", seconds(&STEPS));
    }

    #[test]
    fn programs_make_fewer_rounds_if_time_is_short() {
        let steps = [step("one", 10, 10, 8), step("other", 10, 10, 4)];
        // 20 s are fixed, 20 s are warm-up rounds, and 120 s are all rounds.
        assert_eq!(rounds(&steps, 160), 8);
        assert_eq!(rounds(&steps, 100), 4);
        assert_eq!(rounds(&steps, 0), 2, "the minimum");
        assert_eq!(rounds(&steps[1..], 1_000), 4, "no more than planned");
    }
}
