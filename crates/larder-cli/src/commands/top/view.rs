//! Draws a frame of `larder top` from the history, for the current size of the terminal.
//!
//! From top to bottom, a frame shows the name of the cache, errors, charts, numbers, the keyspaces, and the
//! keyboard keys. On a small screen, one line replaces the charts, and the least important numbers are
//! omitted first. If the cache does not answer, the last numbers are dimmed.

mod file;
mod help;
pub(crate) mod panels;
mod process;

use std::time::Duration;

use larder::inspect::escape_control;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use self::panels::{FrameContext, fitted, take, take_bottom};
use super::controls::Controls;
use super::history::History;
use super::source::Sample;
use super::text::{shortened, width, wrapped};
use crate::term::time::span;

pub(super) fn draw(
    frame: &mut Frame<'_>,
    context: &FrameContext<'_>,
    history: &History,
    controls: &mut Controls,
) {
    let mut rest = frame.area();
    let foot = if rest.height >= 6 { take_bottom(&mut rest, 1) } else { Rect::ZERO };
    let title = take(&mut rest, 1);
    head(frame, title, context, history, controls);
    let is_old = notes(frame, &mut rest, context, history);
    let body = rest;
    if controls.shows_help {
        help::draw(frame, body);
    } else {
        match history.latest() {
            Some(Sample::Process(sample)) => {
                process::draw(frame, body, context, &sample.stats, history, controls);
            }
            Some(Sample::File(sample)) => file::draw(frame, body, context, sample, history, controls),
            None => {}
        }
        if is_old {
            // Colours are removed, because not every terminal can dim them.
            let old = Style::new().fg(Color::Reset).add_modifier(Modifier::DIM);
            frame.buffer_mut().set_style(body, old);
        }
    }
    let keys = ["q leaves", "? help", "p pause", "←→ order", "r reverse", "↑↓ scroll"];
    let keys = fitted("", &keys.map(str::to_owned), foot.width);
    frame.render_widget(Paragraph::new(keys).style(Style::new().add_modifier(Modifier::DIM)), foot);
}

/// Draws the name of the cache, and the interval to its right.
fn head(
    frame: &mut Frame<'_>,
    area: Rect,
    context: &FrameContext<'_>,
    history: &History,
    controls: &Controls,
) {
    let of = match history.latest() {
        Some(Sample::Process(sample)) => format!(": process {}", sample.pid),
        Some(Sample::File(sample)) => format!(": {}", file::state(sample)),
        None => String::new(),
    };
    let every = if controls.is_paused {
        "PAUSED".to_owned()
    } else if context.interval.subsec_millis() == 0 {
        format!("every {} s", context.interval.as_secs())
    } else {
        format!("every {} ms", context.interval.as_millis())
    };
    let room = usize::from(area.width);
    // If not everything fits, the interval is omitted first, then the middle of the name.
    let command = "larder top  ";
    let taken = width(command) + width(&of);
    let name = shortened(&escape_control(context.name), room.saturating_sub(taken).max(8));
    let is_told = controls.is_paused || taken + width(&name) + 2 + width(&every) <= room;
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let line = Line::from(vec![Span::styled(command, bold), Span::raw(format!("{name}{of}"))]);
    frame.render_widget(Paragraph::new(line), area);
    if is_told {
        let style = if controls.is_paused { Modifier::REVERSED } else { Modifier::DIM };
        let columns = u16::try_from(width(&every)).unwrap_or(u16::MAX).min(area.width);
        let right = Rect { x: area.right() - columns, width: columns, ..area };
        frame.render_widget(Paragraph::new(every).style(Style::new().add_modifier(style)), right);
    }
}

/// Draws errors and a restart of the process, each on its own lines. Returns whether the numbers are old.
fn notes(frame: &mut Frame<'_>, rest: &mut Rect, context: &FrameContext<'_>, history: &History) -> bool {
    let patience = 3 * context.interval + Duration::from_secs(1);
    let failure = history.failure(context.now, patience).map(|(why, age)| {
        let why = escape_control(why);
        let stop = if why.ends_with(['.', '?', '!']) { "" } else { "." };
        let (age, interval) = (span(age), span(context.interval));
        format!("NO ANSWER for {age}: {why}{stop} What is shown is of that time; it is asked again every {interval}.")
    });
    let restart = history.restart(context.now).map(|(text, age)| format!("{} ago: {text}.", span(age)));
    let is_old = failure.is_some();
    let bad = context.colour(Color::Red).add_modifier(Modifier::BOLD);
    let new = context.colour(Color::Yellow).add_modifier(Modifier::BOLD);
    for (text, style) in failure.map(|text| (text, bad)).into_iter().chain(restart.map(|text| (text, new))) {
        for line in wrapped(&text, rest.width.into()) {
            if rest.height <= 1 {
                break;
            }
            let area = take(rest, 1);
            frame.render_widget(Paragraph::new(line).style(style), area);
        }
    }
    is_old
}
