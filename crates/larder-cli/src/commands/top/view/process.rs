//! Draws the frame of a live cache, from the statistics of its process.

use larder::inspect::escape_control;
use larder::{ByteSize, DiskState, Latencies, Stats};
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Borders, Cell, Row, Table};

use super::panels::{Chart, FrameContext, StatLine, TWO_COLUMNS, URGENT, charts, fitted, range, stat_lines};
use crate::commands::top::columns::{self, Column, GAP};
use crate::commands::top::controls::{Controls, LastFrame};
use crate::commands::top::history::History;
use crate::commands::top::text::{bar, count, per_second, percent, shortened, time, width, wrapped};

pub(super) fn draw(
    frame: &mut Frame<'_>,
    mut rest: Rect,
    context: &FrameContext<'_>,
    stats: &Stats,
    history: &History,
    controls: &mut Controls,
) {
    let hits = history.hits();
    let of_lookups = if rest.width >= TWO_COLUMNS { " of lookups" } else { "" };
    let chart =
        |title: String, series: &str, most, colour| Chart::new(title, history.series(series), most, colour);
    let share = |part| percent(hits.percent(part)) + of_lookups;
    let of = [
        chart(format!("hit rate {}", share(hits.hits())), "hits", Some(100), Color::Green),
        chart(format!("memory hit rate {}", share(hits.memory)), "memory", Some(100), Color::Cyan),
        chart(
            format!("lookups {}/s", per_second(history.rate(hits.requests()))),
            "lookups",
            None,
            Color::Yellow,
        ),
    ];
    charts(frame, &mut rest, context, of);
    stat_lines(frame, &mut rest, |width| (levels(stats, width), rates(stats, history, context, width)));
    keyspaces(frame, rest, stats, history, controls);
}

/// Returns lines that show how full memory and disk are.
fn levels(stats: &Stats, room: u16) -> Vec<StatLine> {
    let bar_room = usize::from(room).saturating_sub(34).min(60);
    let level = |rank, name: &str, used: ByteSize, of: ByteSize| {
        let [used_text, of_text] = [used, of].map(|size| size.to_string());
        let bar = if bar_room < 4 { String::new() } else { bar(used.as_u64(), of.as_u64(), bar_room) };
        StatLine::new(rank, format!("{name:<8} {used_text:>10} of {of_text:<10} {bar}"))
    };
    let mut levels = vec![level(1, "memory", stats.memory.weight, stats.memory.capacity)];
    if let Some(disk) = &stats.disk {
        // Unsaved bytes have their own line, because the write buffer is not part of the memory capacity.
        levels.push(level(8, "unsaved", stats.unsaved_bytes, stats.write_buffer));
        levels.push(level(6, "live", disk.bytes, disk.usable_bytes));
        let file = disk.allocated_bytes.unwrap_or(disk.file_bytes);
        levels.push(level(5, "file", file, disk.capacity));
    }
    levels
}

fn rates(stats: &Stats, history: &History, context: &FrameContext<'_>, room: u16) -> Vec<StatLine> {
    let rate = |of: fn(&Stats) -> u64| per_second(history.rate_of(of));
    let line = |rank, label: &str, texts: &[String]| {
        StatLine::new(rank, fitted(&format!("{label:<9}"), texts, room))
    };
    let [half, slow] = quantiles(&history.recent(all_loads));
    let failed = format!("{} failed since the start", count(stats.load_failures));
    let mut rates = vec![line(2, "loads", &[format!("{}/s", rate(|stats| stats.loads)), slow, half, failed])];
    if stats.disk.is_some() {
        let commits = history.recent(|stats| stats.disk.clone().unwrap_or_default().commit_latency);
        let [half, slow] = quantiles(&commits);
        let each = rate(|stats| stats.disk.as_ref().map_or(0, |disk| disk.commits));
        let lag = stats.disk.as_ref().map(|disk| disk.flush_lag).unwrap_or_default();
        rates.push(line(
            7,
            "commits",
            &[format!("{each}/s"), format!("flush lag {}", time(lag)), slow, half],
        ));
    }
    let [inserts, invalidations] = [rate(|stats| stats.inserts), rate(|stats| stats.invalidations)];
    rates.push(line(
        4,
        "writes",
        &[format!("{inserts} inserts/s"), format!("{invalidations} invalidations/s")],
    ));
    let [mut evicted, mut expired] = [
        vec![format!("{}/s from memory", rate(|stats| stats.memory.evictions))],
        vec![format!("expired {}/s", rate(|stats| stats.memory.expirations))],
    ];
    if stats.disk.is_some() {
        let of_disk = rate(|stats| stats.disk.as_ref().map_or(0, |disk| disk.evictions));
        evicted.push(format!("{of_disk}/s from disk"));
        let of_disk = rate(|stats| stats.disk.as_ref().map_or(0, |disk| disk.expirations));
        expired = vec![format!("{} and {of_disk}/s", expired.concat())];
    }
    rates.push(line(3, "evicted", &[evicted, expired].concat()));
    rates.push(disk(stats, context, room));
    rates
}

/// Returns the lines about the disk tier. The reason of an outage is shown in full, on several lines if
/// necessary.
fn disk(stats: &Stats, context: &FrameContext<'_>, room: u16) -> StatLine {
    let unsaved = stats.unsaved_bytes;
    match &stats.disk {
        None => {
            StatLine::new(9, fitted("disk     ", &["none: this cache is in memory alone".to_owned()], room))
        }
        Some(disk) if disk.state == DiskState::On => {
            StatLine::new(9, fitted("disk     ", &["on".to_owned()], room))
        }
        Some(disk) => {
            let why = escape_control(disk.off.as_deref().unwrap_or("the disk failed"));
            let text = format!("OFF: {why}; memory keeps serving, {unsaved} unsaved");
            let lines = wrapped(&text, usize::from(room).saturating_sub(9));
            let bad = context.colour(Color::Red).add_modifier(Modifier::BOLD);
            let lines = lines.into_iter().enumerate().map(|(at, line)| {
                Line::styled(format!("{:<9}{line}", if at == 0 { "disk" } else { "" }), bad)
            });
            StatLine { rank: URGENT, lines: lines.collect() }
        }
    }
}

fn quantiles(latencies: &Latencies) -> [String; 2] {
    [
        format!("half within {}", time(latencies.quantile(0.5))),
        format!("99 % within {}", time(latencies.quantile(0.99))),
    ]
}

fn all_loads(stats: &Stats) -> Latencies {
    let mut all = Latencies::default();
    for bucket in stats.keyspaces.iter().flat_map(|keyspace| &keyspace.load_latency.buckets) {
        match all.buckets.iter_mut().find(|there| there.up_to == bucket.up_to) {
            Some(there) => there.count = there.count.saturating_add(bucket.count),
            None => all.buckets.push(*bucket),
        }
    }
    all.buckets.sort_by_key(|bucket| bucket.up_to);
    all
}

fn keyspaces(frame: &mut Frame<'_>, area: Rect, stats: &Stats, history: &History, controls: &mut Controls) {
    let rows = columns::rows(stats, history, controls.sort, controls.is_reversed);
    let longest = rows.iter().map(|row| width(&row.name)).max().unwrap_or(0);
    let of = columns::layout(area.width.into(), longest, controls.sort, stats.disk.is_some());
    let page = usize::from(area.height.saturating_sub(2));
    controls.last_frame =
        LastFrame { columns: of.iter().map(|(column, _)| *column).collect(), page, keyspaces: rows.len() };
    // Scrolls back if there are fewer keyspaces than before, or the screen has grown.
    controls.scroll_to(controls.scroll);
    let title = range("keyspaces", controls.scroll, page, rows.len());
    let cell = |text: String, column: Column, room: usize| {
        let text = Text::raw(shortened(&text, room));
        Cell::new(if column.is_left() { text } else { text.right_aligned() })
    };
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let heads = of.iter().map(|(column, room)| {
        let head = cell(column.head(controls.sort, controls.is_reversed), *column, *room);
        if *column == controls.sort { head.style(bold.add_modifier(Modifier::UNDERLINED)) } else { head }
    });
    let shown =
        rows.iter().skip(controls.scroll).take(page).map(|row| {
            Row::new(of.iter().map(|(column, room)| cell(row.cell(*column, *room), *column, *room)))
        });
    let widths = of.iter().map(|(_, width)| Constraint::Length(u16::try_from(*width).unwrap_or(u16::MAX)));
    let table = Table::new(shown, widths)
        .column_spacing(u16::try_from(GAP).unwrap_or(1))
        .header(Row::new(heads).style(bold))
        .block(Block::new().borders(Borders::TOP).title(title));
    frame.render_widget(table, area);
}
