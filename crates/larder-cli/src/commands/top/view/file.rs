//! Draws the frame of a file that is read without its process.

use larder::inspect::{FileState, escape_control};
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Row, Table};

use super::panels::{Chart, FrameContext, StatLine, charts, range, stat_lines};
use crate::cache::owner::held;
use crate::commands::top::controls::{Controls, LastFrame};
use crate::commands::top::history::History;
use crate::commands::top::source::FileSample;
use crate::commands::top::text::{bytes, count, per_second, shortened, width, wrapped};
use crate::term::time::span;

pub(super) fn draw(
    frame: &mut Frame<'_>,
    mut rest: Rect,
    context: &FrameContext<'_>,
    sample: &FileSample,
    history: &History,
    controls: &mut Controls,
) {
    let chart = |title: String, series: &str, colour| Chart::new(title, history.series(series), None, colour);
    let file = &sample.file;
    let of = [
        chart(format!("changes {}/s", per_second(history.changes())), "changes", Color::Yellow),
        chart(format!("entries {}", count(file.entries)), "entries", Color::Green),
        chart(format!("length {}", file.len), "length", Color::Cyan),
    ];
    charts(frame, &mut rest, context, of);
    stat_lines(frame, &mut rest, |width| (numbers(sample, history), hint(width)));
    keyspaces(frame, rest, sample, controls);
}

fn numbers(sample: &FileSample, history: &History) -> Vec<StatLine> {
    let file = &sample.file;
    let ago = span(sample.now.since(file.last_flush));
    vec![
        StatLine::new(2, format!("length   {}", file.len)),
        StatLine::new(1, format!("entries  {}, charged {}", file.entries, file.bytes)),
        StatLine::new(3, format!("changes  {}, {}/s", file.sequence, per_second(history.changes()))),
        StatLine::new(4, format!("flushed  {ago} ago")),
    ]
}

fn hint(width: u16) -> Vec<StatLine> {
    let text = "For hit rates and latencies, give the control socket: larder top SOCKET.";
    let dim = Style::new().add_modifier(Modifier::DIM);
    let lines = wrapped(text, width.into()).into_iter().map(|line| Line::styled(line, dim)).collect();
    vec![StatLine { rank: 5, lines }]
}

fn keyspaces(frame: &mut Frame<'_>, area: Rect, sample: &FileSample, controls: &mut Controls) {
    let page = usize::from(area.height.saturating_sub(2));
    controls.last_frame = LastFrame { columns: Vec::new(), page, keyspaces: sample.keyspaces.len() };
    controls.scroll_to(controls.scroll);
    let longest =
        sample.keyspaces.iter().map(|keyspace| width(&escape_control(&keyspace.name))).max().unwrap_or(0);
    // The other columns need 37 characters.
    let name = longest.clamp(8, usize::from(area.width).saturating_sub(37).max(8));
    let rows = sample.keyspaces.iter().skip(controls.scroll).take(page).map(|keyspace| {
        Row::new(vec![
            shortened(&escape_control(&keyspace.name), name),
            keyspace.version.to_string(),
            count(keyspace.entries),
            bytes(keyspace.bytes.as_u64()),
            escape_control(&keyspace.key_shape).into_owned(),
        ])
    });
    let name = Constraint::Length(u16::try_from(name).unwrap_or(u16::MAX));
    let widths =
        [name, Constraint::Length(7), Constraint::Length(7), Constraint::Length(8), Constraint::Fill(1)];
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let title = range("keyspaces", controls.scroll, page, sample.keyspaces.len());
    let table = Table::new(rows, widths)
        .header(Row::new(["keyspace", "version", "entries", "charged", "keys"]).style(bold))
        .block(Block::new().borders(Borders::TOP).title(title));
    frame.render_widget(table, area);
}

pub(super) fn state(sample: &FileSample) -> String {
    match sample.file.state {
        FileState::Owned { pid: Some(pid), has_ended: false } => format!("in use by process {pid}"),
        FileState::Owned { pid: Some(pid), .. } => held(pid, &sample.orphans),
        FileState::Owned { pid: None, .. } => "in use".to_owned(),
        FileState::Closed => "closed".to_owned(),
        _ => "left by a crash".to_owned(),
    }
}
