//! Standard output: colours where they are wanted, and a reader that may go away.
//!
//! Nothing here is printed with `println!`, which panics when the reader has gone.

use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use larder::inspect::escape_control;
use serde::Serialize;

use crate::exit::Failure;
use crate::guard::{Guard, escape_json};

/// What names something.
pub(crate) const NAME: Style = Style::new().bold();
/// What is as it should be.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What is to be looked at.
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
/// What is not.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What explains.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Standard output, to be flushed at the end. Colours reach a terminal alone, and none if `NO_COLOR` is set.
/// No other control character reaches it, but ends of lines and tabs.
pub(crate) fn stdout() -> BufWriter<Guard<AutoStream<StdoutLock<'static>>>> {
    BufWriter::new(Guard::new(AutoStream::auto(io::stdout().lock())))
}

/// Columns of the terminal that standard output is; none if it is none, or does not tell.
pub(crate) fn columns() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let (columns, _) = ratatui::crossterm::terminal::size().ok()?;
    Some(usize::from(columns)).filter(|columns| *columns > 0)
}

/// Prints a document of JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", escape_json(&serde_json::to_string_pretty(value)?))?;
    Ok(out.flush()?)
}

/// Prints a line of JSON.
pub(crate) fn json_line(out: &mut impl Write, value: &impl Serialize) -> Result<(), Failure> {
    Ok(writeln!(out, "{}", escape_json(&serde_json::to_string(value)?))?)
}

/// Prints a name and what it names, in two columns.
pub(crate) fn field(out: &mut impl Write, name: &str, value: impl std::fmt::Display) -> io::Result<()> {
    writeln!(out, "{NAME}{name:<11}{NAME:#} {value}")
}

/// A style around a text.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// How far something has come, shown on standard error if that is a terminal.
pub(crate) fn progress(doing: &'static str, of: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:28} {bar:40} {human_pos}/{human_len} {eta}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(of).with_message(doing).with_style(style)
}

/// What is waited for, shown on standard error if that is a terminal, until it is finished and cleared.
pub(crate) fn waiting(text: String) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let shown = ProgressBar::new_spinner().with_style(style).with_message(text);
    shown.tick();
    shown
}

/// Rows in columns as wide as they need to be, two spaces apart; the first row is the head. Control characters of
/// a cell are escaped.
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
