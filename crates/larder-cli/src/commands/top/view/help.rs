//! Draws the help: the keyboard keys and the meaning of the numbers.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::commands::top::text::{width, wrapped};

const KEYS: [(&str, &str); 9] = [
    ("q, Esc", "leaves"),
    ("?, h", "this help; any key leaves it"),
    ("p, space", "pauses what is shown"),
    ("l t m", "order by lookups, hits, misses"),
    ("o e x", "by loads, evictions, expirations"),
    ("b d n", "by bytes: memory, disk; by name"),
    ("← →, < >", "by the column beside"),
    ("r", "reverses the order"),
    ("↑ ↓, k j", "scroll; PgUp, PgDn, Home, End"),
];

const NUMBERS: [(&str, &str); 8] = [
    ("hit rate", "the share of lookups that memory or disk answered"),
    ("memory hit rate", "the share of all lookups that memory answered"),
    ("memory", "the weight of committed and memory-only entries, of the memory capacity"),
    ("unsaved", "values and encodings in the write buffer; they are not part of memory"),
    ("live", "the space of entries in the file, of the space they may use"),
    ("file", "the space of the file on its disk, of the disk capacity"),
    ("keyspaces", "rates a second, memory and disk together; `of disk` are evictions from disk"),
    ("half in, 99 % in", "durations of loads in the last interval; without loads in it, since the start"),
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect) {
    let room = usize::from(area.width);
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (list, labels) in [(&KEYS[..], 10), (&NUMBERS[..], 18)] {
        if !lines.is_empty() {
            lines.push(Line::raw(""));
        }
        // On a narrow screen, the text is below its label.
        let beside = room >= 2 * labels;
        for (label, text) in list {
            let indent = if beside { labels } else { 2 };
            let mut texts = wrapped(text, room.saturating_sub(indent)).into_iter();
            let first = if beside { texts.next().unwrap_or_default() } else { String::new() };
            let gap = " ".repeat(labels.saturating_sub(width(label)));
            lines.push(Line::from(vec![
                ratatui::text::Span::styled(*label, bold),
                ratatui::text::Span::raw(gap + &first),
            ]));
            lines.extend(texts.map(|text| Line::raw(" ".repeat(indent) + &text)));
        }
    }
    frame.render_widget(Paragraph::new(lines), area);
}
