//! What was found, a line for each check.

use std::io::Write;

use larder::inspect::escape_control;
use serde::Serialize;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    found: String,
    /// What to do about it, or what would tell.
    remedy: Option<String>,
}

impl Line {
    pub(super) fn pass(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Pass, found: found.into(), remedy: None }
    }

    pub(super) fn warn(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, found: found.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn fail(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fail, found: found.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn unknown(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Unknown, found: found.into(), remedy: Some(remedy.into()) }
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
        let mut out = out::stdout();
        writeln!(out, "{}", styled(out::NAME, escape_control(&self.subject)))?;
        for line in &self.lines {
            let (style, word) = match line.verdict {
                Verdict::Pass => (GOOD, "pass"),
                Verdict::Warn => (DOUBTFUL, "warn"),
                Verdict::Fail => (BAD, "FAIL"),
                Verdict::Unknown => (FAINT, "?   "),
            };
            writeln!(out, "{}  {:<12}  {}", styled(style, word), line.check, escape_control(&line.found))?;
            if let Some(remedy) = line.remedy.as_deref().map(escape_control) {
                writeln!(out, "{:18}  → {remedy}", "")?;
            }
        }
        let count = |verdict| self.lines.iter().filter(|line| line.verdict == verdict).count();
        let [pass, warn, fail, unknown] =
            [Verdict::Pass, Verdict::Warn, Verdict::Fail, Verdict::Unknown].map(count);
        writeln!(out, "{pass} pass, {warn} warn, {fail} fail, {unknown} unknown")?;
        Ok(out.flush()?)
    }
}
