//! What was found, a line for each check.

use std::io::Write;

use serde::Serialize;
use serde_json::{Map, Value};

use super::layout::Layout;
use crate::exit::{Exit, Failure};
use crate::out::{self, BAD, DOUBTFUL, FAINT, GOOD, styled};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// It can't be told from what is at hand.
    Unknown,
    Pass,
    Warn,
    Fail,
}

/// A check, and how it came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Line {
    /// Its name: what scripts find it by.
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    pub(super) found: String,
    /// What to do about it, or what would tell.
    pub(super) remedy: Option<String>,
    /// What was measured, for scripts.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) numbers: Map<String, Value>,
}

impl Line {
    fn new(check: &'static str, verdict: Verdict, found: String, remedy: Option<String>) -> Self {
        Self { check, verdict, found, remedy, numbers: Map::new() }
    }

    pub(super) fn pass(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Pass, found.into(), None)
    }

    pub(super) fn warn(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(check, Verdict::Warn, found.into(), Some(remedy.into()))
    }

    pub(super) fn fail(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(check, Verdict::Fail, found.into(), Some(remedy.into()))
    }

    pub(super) fn unknown(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(check, Verdict::Unknown, found.into(), Some(remedy.into()))
    }

    /// Warns with a remedy if there is one, and passes otherwise.
    pub(super) fn warn_if(check: &'static str, found: impl Into<String>, remedy: Option<String>) -> Self {
        match remedy {
            Some(remedy) => Self::warn(check, found, remedy),
            None => Self::pass(check, found),
        }
    }

    fn says_the_same(&self, other: &Self) -> bool {
        (self.verdict, &self.found, &self.remedy) == (other.verdict, &other.found, &other.remedy)
    }

    /// Adds a number. Its unit is in its name, unless it is a count.
    pub(super) fn with(mut self, name: &str, number: impl Into<Value>) -> Self {
        self.numbers.insert(name.to_owned(), number.into());
        self
    }
}

/// All that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// What was looked at.
    pub(super) subject: String,
    pub(super) lines: Vec<Line>,
}

#[derive(Serialize)]
struct ReportJson<'a> {
    verdict: Verdict,
    #[serde(flatten)]
    report: &'a Report,
}

impl Report {
    /// Prints it, and answers the exit code of the worst line.
    pub(super) fn tell(&self, json: bool) -> Result<Exit, Failure> {
        let worst =
            self.lines.iter().map(|line| line.verdict).max().unwrap_or(Verdict::Pass).max(Verdict::Pass);
        if json {
            out::json(&ReportJson { verdict: worst, report: self })?;
        } else {
            self.print()?;
        }
        Ok(match worst {
            Verdict::Fail => Exit::Unwell,
            Verdict::Warn => Exit::Warned,
            Verdict::Pass | Verdict::Unknown => Exit::Ok,
        })
    }

    fn print(&self) -> Result<(), Failure> {
        let (mut out, layout) = (out::stdout(), Layout::of_stdout());
        writeln!(out, "{}", styled(out::NAME, layout.paragraph("", 0, &self.subject)))?;
        for same in self.lines.chunk_by(|line, next| line.says_the_same(next)) {
            let [line, ..] = same else { continue };
            let (style, word) = match line.verdict {
                Verdict::Pass => (GOOD, "pass"),
                Verdict::Warn => (DOUBTFUL, "warn"),
                Verdict::Fail => (BAD, "FAIL"),
                Verdict::Unknown => (FAINT, "?   "),
            };
            let found = match same {
                [line] => layout.found(line.check, &line.found),
                // What no statistics tell is told once.
                same => {
                    let checks: Vec<&str> = same.iter().map(|line| line.check).collect();
                    let found = format!("{}: {}", line.found, checks.join(", "));
                    layout.found(&format!("({} checks)", same.len()), &found)
                }
            };
            writeln!(out, "{}{found}", styled(style, word))?;
            if let Some(remedy) = &line.remedy {
                writeln!(out, "{}", layout.remedy(remedy))?;
            }
        }
        writeln!(out, "{}", layout.paragraph("", 2, &self.summary()))?;
        Ok(out.flush()?)
    }

    /// How many lines came out how. Those that complain are named: the list may be longer than the screen.
    fn summary(&self) -> String {
        let checks = |verdict| -> Vec<&str> {
            let lines = self.lines.iter().filter(|line| line.verdict == verdict);
            lines.map(|line| line.check).collect()
        };
        let named = |verdict, word| match &checks(verdict)[..] {
            [] => format!("0 {word}"),
            checks => format!("{} {word} ({})", checks.len(), checks.join(", ")),
        };
        let (warn, fail) = (named(Verdict::Warn, "warn"), named(Verdict::Fail, "fail"));
        let [pass, unknown] = [Verdict::Pass, Verdict::Unknown].map(|verdict| checks(verdict).len());
        format!("{pass} pass, {warn}, {fail}, {unknown} unknown")
    }
}
