//! What is drawn. Everything is drawn anew from the history, at whatever size the terminal has.
//!
//! From top to bottom: what is looked at; on lines of its own what is wrong with it; charts, or a line where there
//! is no room for them; numbers, the least important ones leaving first; the keyspaces; the keys. While nothing is
//! seen, what was seen last is dim.

mod file;
mod help;
mod live;

use std::time::{Duration, Instant};

use larder::inspect::escape_control;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph, RenderDirection, Sparkline};

use super::controls::Controls;
use super::history::{History, NONE};
use super::source::Seen;
use super::text::{shortened, width, wrapped};
use crate::time::span;

/// What charts need to say something.
const MIN_FOR_CHARTS: (u16, u16) = (60, 18);
/// From this width on, numbers stand in two columns.
const TWO_COLUMNS: u16 = 140;
/// Rows that are kept for the keyspaces: their title, their heads and three of them.
const MIN_FOR_KEYSPACES: u16 = 5;

/// What is drawn, besides the history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) name: &'a str,
    /// Whether colours are wanted.
    pub(super) has_colours: bool,
    pub(super) now: Instant,
    pub(super) interval: Duration,
}

impl Look<'_> {
    fn colour(&self, colour: Color) -> Style {
        if self.has_colours { Style::new().fg(colour) } else { Style::new() }
    }
}

pub(super) fn draw(frame: &mut Frame<'_>, look: &Look<'_>, history: &History, controls: &mut Controls) {
    let mut rest = frame.area();
    let foot = if rest.height >= 6 { take_bottom(&mut rest, 1) } else { Rect::ZERO };
    let title = take(&mut rest, 1);
    head(frame, title, look, history, controls);
    let is_old = notes(frame, &mut rest, look, history);
    let content = rest;
    if controls.shows_help {
        help::draw(frame, content);
    } else {
        match history.seen() {
            Some(Seen::Live(live)) => live::draw(frame, content, look, &live.stats, history, controls),
            Some(Seen::File(facts)) => file::draw(frame, content, look, facts, history, controls),
            None => {}
        }
        if is_old {
            // Without colours as well: not every terminal makes these dim.
            let old = Style::new().fg(Color::Reset).add_modifier(Modifier::DIM);
            frame.buffer_mut().set_style(content, old);
        }
    }
    let keys = ["q leaves", "? help", "p pause", "←→ order", "r reverse", "↑↓ scroll"];
    let keys = fitted("", &keys.map(str::to_owned), foot.width);
    frame.render_widget(Paragraph::new(keys).style(Style::new().add_modifier(Modifier::DIM)), foot);
}

/// What is looked at, and on the right how often.
fn head(frame: &mut Frame<'_>, area: Rect, look: &Look<'_>, history: &History, controls: &Controls) {
    let of = match history.seen() {
        Some(Seen::Live(live)) => format!(": process {}", live.pid),
        Some(Seen::File(facts)) => format!(": {}", file::state(facts)),
        None => String::new(),
    };
    let every = if controls.is_paused {
        "PAUSED".to_owned()
    } else if look.interval.subsec_millis() == 0 {
        format!("every {} s", look.interval.as_secs())
    } else {
        format!("every {} ms", look.interval.as_millis())
    };
    let room = usize::from(area.width);
    // Where there is no room for all, the interval goes, and then the middle of the name.
    let command = "larder top  ";
    let taken = width(command) + width(&of);
    let name = shortened(&escape_control(look.name), room.saturating_sub(taken).max(8));
    let is_told = controls.is_paused || taken + width(&name) + 2 + width(&every) <= room;
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let line = Line::from(vec![
        ratatui::text::Span::styled(command, bold),
        ratatui::text::Span::raw(format!("{name}{of}")),
    ]);
    frame.render_widget(Paragraph::new(line), area);
    if is_told {
        let style = if controls.is_paused { Modifier::REVERSED } else { Modifier::DIM };
        let columns = u16::try_from(width(&every)).unwrap_or(u16::MAX).min(area.width);
        let right = Rect { x: area.right() - columns, width: columns, ..area };
        frame.render_widget(Paragraph::new(every).style(Style::new().add_modifier(style)), right);
    }
}

/// What is wrong, and what is new, each on lines of its own. Answers whether what is shown is old.
fn notes(frame: &mut Frame<'_>, rest: &mut Rect, look: &Look<'_>, history: &History) -> bool {
    let patience = 3 * look.interval + Duration::from_secs(1);
    let trouble = history.trouble(look.now, patience).map(|(why, age)| {
        let why = escape_control(why);
        let stop = if why.ends_with(['.', '?', '!']) { "" } else { "." };
        let (age, interval) = (span(age), span(look.interval));
        format!("NO ANSWER for {age}: {why}{stop} What is shown is of that time; it is asked again every {interval}.")
    });
    let news = history.news(look.now).map(|(text, age)| format!("{} ago: {text}.", span(age)));
    let is_old = trouble.is_some();
    let bad = look.colour(Color::Red).add_modifier(Modifier::BOLD);
    let new = look.colour(Color::Yellow).add_modifier(Modifier::BOLD);
    for (text, style) in trouble.map(|text| (text, bad)).into_iter().chain(news.map(|text| (text, new))) {
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

/// A chart over time.
struct Chart {
    title: String,
    series: Vec<u64>,
    /// What the height is; the most there was, if none.
    most: Option<u64>,
    colour: Color,
}

/// Charts side by side, the newest at the right; or their titles in a line where there is no room for them.
fn charts(frame: &mut Frame<'_>, rest: &mut Rect, look: &Look<'_>, of: [Chart; 3]) {
    if rest.width < MIN_FOR_CHARTS.0 || rest.height < MIN_FOR_CHARTS.1 {
        let line = fitted("", &of.map(|chart| chart.title), rest.width);
        frame.render_widget(Paragraph::new(line), take(rest, 1));
        return;
    }
    let height = (rest.height / 4).clamp(5, 10);
    let areas: [Rect; 3] =
        Layout::horizontal([Constraint::Ratio(1, 3); 3]).spacing(2).areas(take(rest, height));
    for (area, chart) in areas.into_iter().zip(of) {
        let points: Vec<Option<u64>> =
            chart.series.iter().map(|point| (*point != NONE).then_some(*point)).collect();
        let line = Sparkline::default()
            .block(Block::new().borders(Borders::TOP).title(format!("{} ", chart.title)))
            .direction(RenderDirection::RightToLeft)
            .style(look.colour(chart.colour))
            .data(points);
        let line = if let Some(most) = chart.most { line.max(most) } else { line };
        frame.render_widget(line, area);
    }
}

/// The rank of what must be seen.
const URGENT: u8 = 0;

/// A line of numbers. Those of a higher rank leave first where not all have room.
struct Vital {
    rank: u8,
    lines: Vec<Line<'static>>,
}

impl Vital {
    fn new(rank: u8, line: impl Into<Line<'static>>) -> Self {
        Self { rank, lines: vec![line.into()] }
    }
}

/// Two lists of numbers: side by side on a wide screen, one below the other elsewhere.
fn vitals(frame: &mut Frame<'_>, rest: &mut Rect, of: impl Fn(u16) -> (Vec<Vital>, Vec<Vital>)) {
    let half = rest.width / 2 - u16::from(rest.width > 1);
    let has_two = rest.width >= TWO_COLUMNS;
    let (mut left, mut right) = of(if has_two { half } else { rest.width });
    if !has_two {
        left.append(&mut right);
    }
    let is_urgent = left.iter().chain(&right).any(|vital| vital.rank == URGENT);
    let kept = if is_urgent { 3 } else { MIN_FOR_KEYSPACES };
    let most = usize::from(rest.height.saturating_sub(kept));
    let [left, right] = [left, right].map(|list| most_important(list, most));
    let area = take(rest, u16::try_from(left.len().max(right.len())).unwrap_or(u16::MAX));
    frame.render_widget(Paragraph::new(left), area);
    frame
        .render_widget(Paragraph::new(right), Rect { x: area.x + half + 2, width: half, ..area }.clamp(area));
}

/// As many as fit, the lowest ranks first, in the order in which they came. What is urgent is cut, not left out.
fn most_important(vitals: Vec<Vital>, most: usize) -> Vec<Line<'static>> {
    let mut by_rank: Vec<(usize, Vital)> = vitals.into_iter().enumerate().collect();
    by_rank.sort_by_key(|(_, vital)| vital.rank);
    let mut left = most;
    let mut chosen: Vec<(usize, Vec<Line<'static>>)> = Vec::new();
    for (at, Vital { rank, mut lines }) in by_rank {
        if rank == URGENT {
            lines.truncate(left);
        }
        if lines.len() > left {
            break;
        }
        left -= lines.len();
        chosen.push((at, lines));
    }
    chosen.sort_by_key(|(at, _)| *at);
    chosen.into_iter().flat_map(|(_, lines)| lines).collect()
}

/// A label and as many of the texts after it as fit, from the first.
fn fitted(label: &str, texts: &[String], room: u16) -> String {
    let mut line = label.to_owned();
    for (at, text) in texts.iter().enumerate() {
        let between = match (at, label) {
            (0, _) => "",
            (_, "") => "  ",
            _ => ", ",
        };
        if at > 0 && width(&line) + width(between) + width(text) > usize::from(room) {
            break;
        }
        line = line + between + text;
    }
    line
}

fn take(rest: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(rest.height);
    let taken = Rect { height: rows, ..*rest };
    (rest.y, rest.height) = (rest.y + rows, rest.height - rows);
    taken
}

fn take_bottom(rest: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(rest.height);
    rest.height -= rows;
    Rect { y: rest.bottom(), height: rows, ..*rest }
}

/// The title of a list, with what of it is seen if that is not all.
fn range(title: &str, first: usize, page: usize, all: usize) -> String {
    if all <= page {
        return format!("{title} ");
    }
    format!("{title} {}–{} of {all} ", (first + 1).min(all), (first + page).min(all))
}
