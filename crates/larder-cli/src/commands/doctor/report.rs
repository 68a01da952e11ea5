//! The results of the checks, and the report that prints them.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::layout::Layout;
use crate::term::exit::{Exit, Failure};
use crate::term::out::{self, BAD, DOUBTFUL, FAINT, GOOD, styled};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// The available information is not sufficient for a verdict.
    Unknown,
    Pass,
    Warn,
    Fail,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct CheckResult {
    /// The name of the check, by which scripts find the result.
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    pub(super) found: String,
    /// The remedy. For an unknown result, the step that provides the missing information.
    pub(super) remedy: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) numbers: Map<String, Value>,
}

impl CheckResult {
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

    /// Returns a warning if there is a remedy, otherwise a pass.
    pub(super) fn warn_if(check: &'static str, found: impl Into<String>, remedy: Option<String>) -> Self {
        match remedy {
            Some(remedy) => Self::warn(check, found, remedy),
            None => Self::pass(check, found),
        }
    }

    fn has_same_text(&self, other: &Self) -> bool {
        (self.verdict, &self.found, &self.remedy) == (other.verdict, &other.found, &other.remedy)
    }

    /// Adds a measurement. Its name ends with the unit, unless it is a count or a share.
    pub(super) fn with(mut self, name: &str, number: impl Into<Value>) -> Self {
        self.numbers.insert(name.to_owned(), number.into());
        self
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) subject: String,
    pub(super) lines: Vec<CheckResult>,
}

#[derive(Serialize)]
struct ReportJson<'a> {
    verdict: Verdict,
    #[serde(flatten)]
    report: &'a Report,
}

impl Report {
    /// Replaces SOCKET in the suggested `larder stats SOCKET` with the path of the socket.
    pub(super) fn name_socket(&mut self, socket: &Path) {
        let socket = socket.display().to_string();
        for remedy in self.lines.iter_mut().filter_map(|line| line.remedy.as_mut()) {
            *remedy = remedy.replace("larder stats SOCKET", &format!("larder stats {socket}"));
        }
    }

    /// Prints the report. Returns the exit code for the worst result.
    pub(super) fn finish(&self, json: bool) -> Result<Exit, Failure> {
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
        self.write(&mut out, Layout::of_stdout())?;
        Ok(out.flush()?)
    }

    fn write(&self, out: &mut impl Write, layout: Layout) -> io::Result<()> {
        let layout = layout.with_names(self.lines.iter().map(|line| line.check));
        writeln!(out, "{}", styled(out::NAME, layout.paragraph("", 0, &self.subject)))?;
        for same in self.lines.chunk_by(CheckResult::has_same_text) {
            let [line, ..] = same else { continue };
            let (style, word) = match line.verdict {
                Verdict::Pass => (GOOD, "pass"),
                Verdict::Warn => (DOUBTFUL, "warn"),
                Verdict::Fail => (BAD, "FAIL"),
                Verdict::Unknown => (FAINT, "?   "),
            };
            let found = match same {
                [line] => layout.found(line.check, &line.found),
                // Consecutive results with the same text are shown once, because many checks are unknown
                // without statistics.
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
        writeln!(out, "{}", layout.paragraph("", 2, &self.summary()))
    }

    /// Returns the number of results of each verdict. Names the warnings and failures, because the list may
    /// be longer than the screen.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn render(report: &Report) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        report.write(&mut out, Layout::of_a_program()).unwrap();
        String::from_utf8(out.into_inner()).unwrap()
    }

    #[test]
    fn the_findings_of_long_names_begin_in_one_column() {
        let lines = vec![
            CheckResult::pass("version", "Valkey 9.1.2"),
            CheckResult::fail("persistence_errors", "the disk is full", "free it"),
        ];
        let expected = "\
shop
pass  version            Valkey 9.1.2
FAIL  persistence_errors the disk is full
                         → free it
1 pass, 0 warn, 1 fail (persistence_errors), 0 unknown
";
        assert_eq!(render(&Report { subject: "shop".to_owned(), lines }), expected);
    }

    #[test]
    fn the_summary_names_warnings_and_failures_and_equal_results_are_shown_once() {
        let unknown = |check| CheckResult::unknown(check, "the file does not record it", "ask it");
        let lines = vec![
            CheckResult::pass("owner", "a process is using it").with("pid", 7),
            unknown("flush"),
            unknown("loads"),
            CheckResult::warn("expired", "many", "larder stats SOCKET shows why"),
            CheckResult::fail("clock", "behind", "set it"),
        ];
        let mut report = Report { subject: "shop.larder".to_owned(), lines };
        report.name_socket(Path::new("/run/shop.sock"));
        let expected = "\
shop.larder
pass  owner         a process is using it
?     (2 checks)    the file does not record it: flush, loads
                    → ask it
warn  expired       many
                    → larder stats /run/shop.sock shows why
FAIL  clock         behind
                    → set it
1 pass, 1 warn (expired), 1 fail (clock), 2 unknown
";
        assert_eq!(render(&report), expected);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["lines"].as_array().unwrap().len(), 5, "scripts find each check by its name");
        assert_eq!(json["lines"][0]["numbers"]["pid"], 7);
    }
}
