//! Standard output, and notes and progress on standard error.
//!
//! `println!` is not used, because it panics if the reader of a pipe has closed it.

use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use larder::inspect::escape_control;
use serde::Serialize;
use serde_json::json;

use super::escape::{EscapingWriter, escape_json, warn};
use super::exit::Failure;

pub(crate) const NAME: Style = Style::new().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// The style of results that need attention.
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// The style of explanations.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Returns buffered standard output. The caller must flush it at the end.
///
/// Colours are written only to a terminal, unless an environment variable such as `NO_COLOR` or
/// `CLICOLOR_FORCE` says otherwise. Control characters other than line ends and tabs are escaped.
pub(crate) fn stdout() -> BufWriter<EscapingWriter<AutoStream<StdoutLock<'static>>>> {
    BufWriter::new(EscapingWriter::new(AutoStream::auto(io::stdout().lock())))
}

/// Returns the number of columns of the terminal, or `None` if standard output is not a terminal or its
/// size is unknown.
pub(crate) fn columns() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let (columns, _) = ratatui::crossterm::terminal::size().ok()?;
    Some(usize::from(columns)).filter(|columns| *columns > 0)
}

pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", escape_json(&serde_json::to_string_pretty(value)?))?;
    Ok(out.flush()?)
}

pub(crate) fn json_line(out: &mut impl Write, value: &impl Serialize) -> Result<(), Failure> {
    Ok(writeln!(out, "{}", escape_json(&serde_json::to_string(value)?))?)
}

/// Prints a name and its value, in two columns.
pub(crate) fn field(out: &mut impl Write, name: &str, value: impl std::fmt::Display) -> io::Result<()> {
    writeln!(out, "{NAME}{name:<11}{NAME:#} {value}")
}

pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Prints a note on standard error, as JSON if the answer is JSON.
pub(crate) fn note(json: bool, text: &str) {
    if json {
        warn(&escape_json(&json!({ "note": text }).to_string()));
    } else {
        warn(&format!("larder: {}", escape_control(text)));
    }
}

/// Returns a progress bar. It is shown on standard error, if that is a terminal.
pub(crate) fn progress(doing: &'static str, of: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:28} {bar:40} {human_pos}/{human_len} {eta}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(of).with_message(doing).with_style(style)
}

/// Shows a line that says what the command waits for, on standard error if that is a terminal. The caller
/// must clear it.
pub(crate) fn waiting(text: String) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let shown = ProgressBar::new_spinner().with_style(style).with_message(text);
    shown.tick();
    shown
}

/// Prints rows in columns that are as wide as their longest cell, two spaces apart. The first row is the
/// head. Escapes control characters in cells.
pub(crate) fn table(out: &mut impl Write, rows: &[Vec<String>]) -> io::Result<()> {
    let rows: Vec<Vec<Cow<'_, str>>> =
        rows.iter().map(|row| row.iter().map(|cell| escape_control(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for (number, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        let line = line.trim_end();
        if number == 0 { writeln!(out, "{NAME}{line}{NAME:#}")? } else { writeln!(out, "{line}")? }
    }
    Ok(())
}
