//! A file alone, as it says of itself.

use larder::ByteSize;
use larder::inspect::{FileState, escape_control};
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Row, Table};

use super::{Chart, Look, Vital, charts, vitals};
use crate::live::held;
use crate::time::span;
use crate::top::controls::{Controls, Drawn};
use crate::top::history::History;
use crate::top::source::Facts;
use crate::top::text::{bytes, count, per_second, shortened, width, wrapped};

pub(super) fn draw(
    frame: &mut Frame<'_>,
    mut rest: Rect,
    look: &Look<'_>,
    facts: &Facts,
    history: &History,
    controls: &mut Controls,
) {
    let chart = |title: String, series: &str, colour| Chart {
        title,
        series: history.series(series),
        most: None,
        colour,
    };
    let file = &facts.file;
    let of = [
        chart(format!("changes {}/s", per_second(history.changes())), "changes", Color::Yellow),
        chart(format!("entries {}", count(file.entries)), "entries", Color::Green),
        chart(format!("length {}", ByteSize::bytes(file.len)), "length", Color::Cyan),
    ];
    charts(frame, &mut rest, look, of);
    vitals(frame, &mut rest, |width| (facts_of(facts, history), hint(width)));
    keyspaces(frame, rest, facts, controls);
}

fn facts_of(facts: &Facts, history: &History) -> Vec<Vital> {
    let file = &facts.file;
    let ago = span(facts.now.since(file.last_flush));
    vec![
        Vital::new(2, format!("length   {}", ByteSize::bytes(file.len))),
        Vital::new(1, format!("entries  {}, charged {}", file.entries, ByteSize::bytes(file.bytes))),
        Vital::new(3, format!("changes  {}, {}/s", file.sequence, per_second(history.changes()))),
        Vital::new(4, format!("flushed  {ago} ago")),
    ]
}

fn hint(width: u16) -> Vec<Vital> {
    let text = "Hit rates and latencies are the control socket's to tell: larder top SOCKET.";
    let dim = Style::new().add_modifier(Modifier::DIM);
    let lines = wrapped(text, width.into()).into_iter().map(|line| Line::styled(line, dim)).collect();
    vec![Vital { rank: 5, lines }]
}

fn keyspaces(frame: &mut Frame<'_>, area: Rect, facts: &Facts, controls: &mut Controls) {
    let page = usize::from(area.height.saturating_sub(2));
    controls.drawn = Drawn { columns: Vec::new(), page, keyspaces: facts.keyspaces.len() };
    controls.scroll_to(controls.scroll);
    let longest =
        facts.keyspaces.iter().map(|keyspace| width(&escape_control(&keyspace.name))).max().unwrap_or(0);
    // The other columns take 37, and the shape of the keys what is left.
    let name = longest.clamp(8, usize::from(area.width).saturating_sub(37).max(8));
    let rows = facts.keyspaces.iter().skip(controls.scroll).take(page).map(|keyspace| {
        Row::new(vec![
            shortened(&escape_control(&keyspace.name), name),
            keyspace.version.to_string(),
            count(keyspace.entries),
            bytes(keyspace.bytes),
            escape_control(&keyspace.key_shape).into_owned(),
        ])
    });
    let name = Constraint::Length(u16::try_from(name).unwrap_or(u16::MAX));
    let widths =
        [name, Constraint::Length(7), Constraint::Length(7), Constraint::Length(8), Constraint::Fill(1)];
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let title = super::range("keyspaces", controls.scroll, page, facts.keyspaces.len());
    let table = Table::new(rows, widths)
        .header(Row::new(["keyspace", "version", "entries", "charged", "keys"]).style(bold))
        .block(Block::new().borders(Borders::TOP).title(title));
    frame.render_widget(table, area);
}

pub(super) fn state(facts: &Facts) -> String {
    match facts.file.state {
        FileState::Owned { pid: Some(pid), has_ended: false } => format!("in use by process {pid}"),
        FileState::Owned { pid: Some(pid), .. } => held(pid, &facts.orphans),
        FileState::Owned { pid: None, .. } => "in use".to_owned(),
        FileState::Closed => "closed".to_owned(),
        _ => "left by a crash".to_owned(),
    }
}
