//! What is drawn. Everything is drawn anew from the history, at whatever size the terminal has.

use larder::inspect::FileState;
use larder::{ByteSize, DiskState, Latencies, Stats};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, RenderDirection, Row, Sparkline, Table};

use super::history::History;
use super::source::{Facts, Seen};
use super::text::{bar, count, percent, time, trend};
use crate::time::span;

/// What fits into less says nothing.
const LEAST: (u16, u16) = (70, 18);

pub(super) fn draw(frame: &mut Frame<'_>, name: &str, history: &History) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!(
            "This terminal has {}×{}.\nlarder top needs {}×{}.\nq leaves.",
            area.width, area.height, LEAST.0, LEAST.1
        );
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let charts = (area.height / 4).clamp(5, 14);
    let rows = [1, charts, 7].map(Constraint::Length);
    let [title, charts, vitals, keyspaces, foot] =
        Layout::vertical([rows[0], rows[1], rows[2], Constraint::Min(4), Constraint::Length(1)]).areas(area);
    match history.seen() {
        Some(Seen::Live { pid, stats }) => {
            head(frame, title, &format!("{name}: process {pid}"), history);
            live_charts(frame, charts, history);
            frame.render_widget(Paragraph::new(live_vitals(stats, history, vitals.width)), vitals);
            live_keyspaces(frame, keyspaces, stats, history);
        }
        Some(Seen::File(facts)) => {
            head(frame, title, &format!("{name}: {}", state(facts.file.state)), history);
            file_charts(frame, charts, history);
            frame.render_widget(Paragraph::new(file_vitals(facts, history)), vitals);
            file_keyspaces(frame, keyspaces, facts);
        }
        None => head(frame, title, name, history),
    }
    frame.render_widget(Paragraph::new("q leaves").style(Style::new().add_modifier(Modifier::DIM)), foot);
}

fn head(frame: &mut Frame<'_>, area: Rect, name: &str, history: &History) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut spans = vec![Span::styled("larder top", bold), Span::raw(format!("  {name}"))];
    if let Some(trouble) = &history.trouble {
        spans.push(Span::styled(format!("  {trouble}"), Style::new().fg(Color::Red)));
    }
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
}

/// Series side by side, the newest at the right.
fn charts(frame: &mut Frame<'_>, area: Rect, of: [(String, Vec<u64>, Option<u64>, Color); 3]) {
    let areas: [Rect; 3] = Layout::horizontal([Constraint::Ratio(1, 3); 3]).spacing(2).areas(area);
    for (area, (title, series, most, colour)) in areas.into_iter().zip(of) {
        let line = Sparkline::default()
            .block(Block::new().borders(Borders::TOP).title(title))
            .direction(RenderDirection::RightToLeft)
            .style(Style::new().fg(colour))
            .data(&series);
        let line = if let Some(most) = most { line.max(most) } else { line };
        frame.render_widget(line, area);
    }
}

fn live_charts(frame: &mut Frame<'_>, area: Rect, history: &History) {
    let hits = history.hits();
    let (all, memory) = (hits.percent(hits.memory + hits.disk), hits.percent(hits.memory));
    charts(
        frame,
        area,
        [
            (format!("hit rate {} ", percent(all)), history.series("hits"), Some(100), Color::Green),
            (format!("of memory {} ", percent(memory)), history.series("memory"), Some(100), Color::Cyan),
            (
                format!("lookups {}/s ", count(history.rate(hits.requests()))),
                history.series("lookups"),
                None,
                Color::Yellow,
            ),
        ],
    );
}

fn quantiles(latencies: &Latencies) -> String {
    format!("half within {}, 99 % within {}", time(latencies.quantile(0.5)), time(latencies.quantile(0.99)))
}

fn live_vitals(stats: &Stats, history: &History, width: u16) -> Vec<Line<'static>> {
    let room = usize::from(width).saturating_sub(40).min(60);
    let use_of = |name: &str, used: u64, of: u64| {
        let (shown, whole) = (ByteSize::bytes(used).to_string(), ByteSize::bytes(of).to_string());
        Line::raw(format!("{name:<8} {shown:>10} of {whole:<10} {}", bar(used, of, room)))
    };
    let disk = stats.disk.clone().unwrap_or_default();
    let loads = history.recent(all_loads);
    let commits = history.recent(|stats| stats.disk.clone().unwrap_or_default().commit_latency);
    let evicted = (
        history.rate_of(|stats| stats.memory.evictions),
        history.rate_of(|stats| stats.disk.as_ref().map_or(0, |disk| disk.evictions)),
    );
    let mut lines = vec![
        use_of("memory", stats.memory.weight, stats.memory.capacity),
        use_of("live", disk.bytes, disk.usable_bytes),
        use_of("file", disk.allocated_bytes.unwrap_or(disk.file_bytes), disk.capacity),
        Line::raw(format!(
            "loads    {}/s, {} failed since the start, {}",
            count(history.rate_of(|stats| stats.loads)),
            count(stats.load_failures),
            quantiles(&loads)
        )),
        Line::raw(format!(
            "commits  {}/s, {}, flush lag {}",
            count(history.rate_of(|stats| stats.disk.as_ref().map_or(0, |disk| disk.commits))),
            quantiles(&commits),
            time(disk.flush_lag)
        )),
        Line::raw(format!(
            "changes  {} inserts/s, {} removals/s, evicted {}/s of memory, {}/s of disk",
            count(history.rate_of(|stats| stats.inserts)),
            count(history.rate_of(|stats| stats.invalidations)),
            count(evicted.0),
            count(evicted.1)
        )),
    ];
    lines.push(match (&stats.disk, disk.state) {
        (None, _) => Line::raw("disk     none: this cache is in memory alone"),
        (_, DiskState::On) => {
            Line::raw(format!("disk     on, {} unsaved", ByteSize::bytes(stats.unsaved_bytes)))
        }
        _ => {
            let why = disk.off.unwrap_or_else(|| "the disk failed".to_owned());
            Line::styled(format!("disk     OFF: {why}; memory keeps serving"), Style::new().fg(Color::Red))
        }
    });
    lines
}

fn all_loads(stats: &Stats) -> Latencies {
    let mut all = Latencies::default();
    for bucket in stats.keyspaces.iter().flat_map(|keyspace| &keyspace.load_latency.buckets) {
        match all.buckets.iter_mut().find(|there| there.up_to == bucket.up_to) {
            Some(there) => there.count += bucket.count,
            None => all.buckets.push(*bucket),
        }
    }
    all.buckets.sort_by_key(|bucket| bucket.up_to);
    all
}

fn table(frame: &mut Frame<'_>, area: Rect, head: &[&str], widths: Vec<Constraint>, rows: Vec<Vec<String>>) {
    let room = usize::from(area.height.saturating_sub(2));
    let untold = rows.len().saturating_sub(room);
    let title = if untold > 0 { format!("keyspaces, {untold} more ") } else { "keyspaces ".to_owned() };
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let table = Table::new(rows.into_iter().take(room).map(Row::new), widths)
        .header(Row::new(head.iter().map(|name| (*name).to_owned())).style(bold))
        .block(Block::new().borders(Borders::TOP).title(title));
    frame.render_widget(table, area);
}

fn live_keyspaces(frame: &mut Frame<'_>, area: Rect, stats: &Stats, history: &History) {
    let head =
        ["name", "look/s", "hits", "memory", "loads/s", "99 % in", "in mem.", "on disk", "hits over time"];
    let mut of: Vec<_> =
        stats.keyspaces.iter().map(|keyspace| (history.hits_in(keyspace), keyspace)).collect();
    of.sort_by_key(|(hits, keyspace)| (std::cmp::Reverse(hits.requests()), keyspace.name.clone()));
    let longest = stats.keyspaces.iter().map(|keyspace| keyspace.name.chars().count()).max().unwrap_or(0);
    let name = u16::try_from(longest.clamp(8, 32)).unwrap_or(32).min(area.width / 5);
    let fixed = [name, 6, 5, 6, 7, 7, 7, 7].map(Constraint::Length);
    let widths = [&fixed[..], &[Constraint::Min(8)]].concat();
    // The columns, and what stands between them.
    let trend_width = usize::from(area.width.saturating_sub(name + 45 + 8));
    let rows = of.into_iter().map(|(hits, keyspace)| {
        let before = history.keyspace_before(keyspace);
        let loads = before.map_or(0, |before| keyspace.loads.saturating_sub(before.loads));
        vec![
            keyspace.name.clone(),
            count(history.rate(hits.requests())),
            percent(hits.percent(hits.memory + hits.disk)),
            percent(hits.percent(hits.memory)),
            count(history.rate(loads)),
            time(keyspace.load_latency.quantile(0.99)),
            count(keyspace.memory_entries),
            count(keyspace.disk_entries),
            trend(&history.series(&format!("keyspace {}", keyspace.name)), trend_width),
        ]
    });
    table(frame, area, &head, widths, rows.collect());
}

fn file_charts(frame: &mut Frame<'_>, area: Rect, history: &History) {
    let latest = |name: &str| history.series(name).first().copied().unwrap_or(0);
    charts(
        frame,
        area,
        [
            (
                format!("changes {}/s ", count(history.changes())),
                history.series("changes"),
                None,
                Color::Yellow,
            ),
            (format!("entries {} ", count(latest("entries"))), history.series("entries"), None, Color::Green),
            (
                format!("length {} ", ByteSize::bytes(latest("length"))),
                history.series("length"),
                None,
                Color::Cyan,
            ),
        ],
    );
}

fn file_vitals(facts: &Facts, history: &History) -> Vec<Line<'static>> {
    let file = &facts.file;
    let ago = span(facts.now.since(file.last_flush));
    vec![
        Line::raw(format!("length   {}", ByteSize::bytes(file.len))),
        Line::raw(format!("entries  {}, charged {}", file.entries, ByteSize::bytes(file.bytes))),
        Line::raw(format!("changes  {}, {}/s", file.sequence, count(history.changes()))),
        Line::raw(format!("flushed  {ago} ago")),
        Line::raw(""),
        Line::styled(
            "Hit rates and latencies are the control socket's to tell: larder top SOCKET.",
            Style::new().add_modifier(Modifier::DIM),
        ),
    ]
}

fn file_keyspaces(frame: &mut Frame<'_>, area: Rect, facts: &Facts) {
    let rows = facts.keyspaces.iter().map(|keyspace| {
        vec![
            keyspace.name.clone(),
            keyspace.version.to_string(),
            count(keyspace.entries),
            ByteSize::bytes(keyspace.bytes).to_string(),
            keyspace.key_shape.clone(),
        ]
    });
    let widths = vec![
        Constraint::Min(16),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(10),
        Constraint::Min(20),
    ];
    table(frame, area, &["name", "version", "entries", "charged", "keys"], widths, rows.collect());
}

fn state(state: FileState) -> String {
    match state {
        FileState::Owned { pid: Some(pid), has_ended: false } => format!("in use by process {pid}"),
        FileState::Owned { pid: Some(pid), .. } => {
            format!("held by a fork of process {pid}, which has ended")
        }
        FileState::Owned { pid: None, .. } => "in use".to_owned(),
        FileState::Closed => "closed".to_owned(),
        _ => "left by a crash".to_owned(),
    }
}
