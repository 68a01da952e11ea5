//! Parts of the screen: charts, lists of numbers, and texts that are shortened to the available space.

use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph, RenderDirection, Sparkline};

use crate::commands::top::history::NONE;
use crate::commands::top::text::width;

const MIN_FOR_CHARTS: (u16, u16) = (60, 18);
pub(super) const TWO_COLUMNS: u16 = 140;
/// Rows that are reserved for the keyspaces: a title, the heads of the columns, and three keyspaces.
const MIN_FOR_KEYSPACES: u16 = 5;

#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameContext<'a> {
    pub(crate) name: &'a str,
    pub(crate) has_colours: bool,
    pub(crate) now: Instant,
    pub(crate) interval: Duration,
}

impl FrameContext<'_> {
    pub(super) fn colour(&self, colour: Color) -> Style {
        if self.has_colours { Style::new().fg(colour) } else { Style::new() }
    }
}

pub(super) struct Chart {
    title: String,
    series: Vec<u64>,
    /// The value at full height. `None` selects the highest value in the chart.
    most: Option<u64>,
    colour: Color,
}

impl Chart {
    pub(super) fn new(title: String, series: Vec<u64>, most: Option<u64>, colour: Color) -> Self {
        Self { title, series, most, colour }
    }
}

/// Draws charts side by side, with the newest value at the right. On a small screen, draws only their titles,
/// on one line.
pub(super) fn charts(frame: &mut Frame<'_>, rest: &mut Rect, context: &FrameContext<'_>, of: [Chart; 3]) {
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
            .style(context.colour(chart.colour))
            .data(points);
        let line = if let Some(most) = chart.most { line.max(most) } else { line };
        frame.render_widget(line, area);
    }
}

/// The rank of a line that is never omitted.
pub(super) const URGENT: u8 = 0;

/// A line of numbers, or several lines that belong together. If not all lines fit, those with the highest
/// rank are omitted first.
pub(super) struct StatLine {
    pub(super) rank: u8,
    pub(super) lines: Vec<Line<'static>>,
}

impl StatLine {
    pub(super) fn new(rank: u8, line: impl Into<Line<'static>>) -> Self {
        Self { rank, lines: vec![line.into()] }
    }
}

/// Draws two lists of numbers: side by side on a wide screen, one below the other on a narrow screen.
pub(super) fn stat_lines(
    frame: &mut Frame<'_>,
    rest: &mut Rect,
    of: impl Fn(u16) -> (Vec<StatLine>, Vec<StatLine>),
) {
    let half = rest.width / 2 - u16::from(rest.width > 1);
    let has_two = rest.width >= TWO_COLUMNS;
    let (mut left, mut right) = of(if has_two { half } else { rest.width });
    if !has_two {
        left.append(&mut right);
    }
    let is_urgent = left.iter().chain(&right).any(|line| line.rank == URGENT);
    let kept = if is_urgent { 3 } else { MIN_FOR_KEYSPACES };
    let most = usize::from(rest.height.saturating_sub(kept));
    let [left, right] = [left, right].map(|list| most_important(list, most));
    let area = take(rest, u16::try_from(left.len().max(right.len())).unwrap_or(u16::MAX));
    frame.render_widget(Paragraph::new(left), area);
    frame
        .render_widget(Paragraph::new(right), Rect { x: area.x + half + 2, width: half, ..area }.clamp(area));
}

/// Returns the lines with the lowest ranks that fit, in their original order. If an urgent line does not fit,
/// it is cut.
fn most_important(stat_lines: Vec<StatLine>, most: usize) -> Vec<Line<'static>> {
    let mut by_rank: Vec<(usize, StatLine)> = stat_lines.into_iter().enumerate().collect();
    by_rank.sort_by_key(|(_, line)| line.rank);
    let mut left = most;
    let mut chosen: Vec<(usize, Vec<Line<'static>>)> = Vec::new();
    for (at, StatLine { rank, mut lines }) in by_rank {
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

/// Returns a label, followed by as many texts as fit. Always includes the first text.
pub(super) fn fitted(label: &str, texts: &[String], room: u16) -> String {
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

/// Removes rows from the top of an area, and returns them.
pub(super) fn take(rest: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(rest.height);
    let taken = Rect { height: rows, ..*rest };
    (rest.y, rest.height) = (rest.y + rows, rest.height - rows);
    taken
}

/// Removes rows from the bottom of an area, and returns them.
pub(super) fn take_bottom(rest: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(rest.height);
    rest.height -= rows;
    Rect { y: rest.bottom(), height: rows, ..*rest }
}

/// Returns the title of a list. Adds the visible range if not all rows are visible.
pub(super) fn range(title: &str, first: usize, page: usize, all: usize) -> String {
    if all <= page {
        return format!("{title} ");
    }
    format!("{title} {}–{} of {all} ", (first + 1).min(all), (first + page).min(all))
}
