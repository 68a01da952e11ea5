//! Prints the findings of a check as they come, and counts the failures.

use std::fmt;
use std::io::{self, Write};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tier {
    Memory,
    Disk,
}

/// The number of failures among the findings so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) failures: u32,
}

impl Findings {
    /// Prints a finding: a failure if `fault` describes one, otherwise a success.
    pub(super) fn add(&mut self, tier: Tier, what: &str, fault: Option<String>) {
        let tier = if tier == Tier::Memory { "memory" } else { "disk" };
        match fault {
            None => print_line(format_args!("ok      {tier:<7} {what}")),
            Some(fault) => {
                self.failures += 1;
                print_line(format_args!("FAILED  {tier:<7} {what}: {fault}"));
            }
        }
    }

    /// Prints whether a condition holds. If not, prints `otherwise` as the fault.
    pub(super) fn expect(&mut self, tier: Tier, what: &str, is_right: bool, otherwise: &str) {
        self.add(tier, what, (!is_right).then(|| otherwise.to_owned()));
    }

    /// Prints whether a call succeeded. Returns its value, if any.
    pub(super) fn call<T>(&mut self, tier: Tier, what: &str, outcome: Result<T, larder::Error>) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.add(tier, what, None);
                Some(value)
            }
            Err(error) => {
                self.add(tier, what, Some(error.to_string()));
                None
            }
        }
    }
}

/// Ignores a closed pipe, as in `larder check | head -1`. Otherwise the check would end early and leave its
/// files behind.
pub(super) fn print_line(text: fmt::Arguments<'_>) {
    drop(writeln!(io::stdout(), "{text}"));
}
