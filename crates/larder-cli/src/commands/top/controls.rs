//! The keyboard keys and their effects.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::columns::{Column, by_key};

/// What the user has chosen: the sorting column, the visible keyspaces, and whether the frame is paused.
#[derive(Debug, Clone)]
pub(super) struct Controls {
    pub(super) sort: Column,
    /// Whether the order is reversed, with the lowest number or the last name first.
    pub(super) is_reversed: bool,
    /// Number of keyspaces above the first visible keyspace.
    pub(super) scroll: usize,
    pub(super) is_paused: bool,
    pub(super) shows_help: bool,
    pub(super) last_frame: LastFrame,
}

/// The content of the last frame. Keys act on what the user sees.
#[derive(Debug, Clone, Default)]
pub(super) struct LastFrame {
    pub(super) columns: Vec<Column>,
    /// Number of keyspaces that one page shows.
    pub(super) page: usize,
    pub(super) keyspaces: usize,
}

/// What the program does in response to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Leave,
    Interrupt,
    /// Draws a new frame.
    Redraw,
    Nothing,
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            sort: Column::Lookups,
            is_reversed: false,
            scroll: 0,
            is_paused: false,
            shows_help: false,
            last_frame: LastFrame::default(),
        }
    }
}

impl Controls {
    pub(super) fn press(&mut self, key: KeyEvent) -> Action {
        if key.kind == KeyEventKind::Release {
            return Action::Nothing;
        }
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && key.code == KeyCode::Char('c') {
            return Action::Interrupt;
        }
        if self.shows_help && !is_control {
            // Any key closes the help, because the user may not know the keys yet.
            self.shows_help = false;
            return if key.code == KeyCode::Char('q') { Action::Leave } else { Action::Redraw };
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Action::Leave,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.shows_help = true,
            KeyCode::Char('p' | ' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('r') => self.is_reversed = !self.is_reversed,
            KeyCode::Up | KeyCode::Char('k') => self.scroll_to(self.scroll.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.scroll_to(self.scroll + 1),
            KeyCode::PageUp => self.scroll_to(self.scroll.saturating_sub(self.last_frame.page)),
            KeyCode::PageDown => self.scroll_to(self.scroll + self.last_frame.page),
            KeyCode::Home => self.scroll_to(0),
            KeyCode::End => self.scroll_to(usize::MAX),
            KeyCode::Left | KeyCode::Char('<') => self.sort_beside(|at| at.checked_sub(1)),
            KeyCode::Right | KeyCode::Char('>') => self.sort_beside(|at| Some(at + 1)),
            KeyCode::Char(letter) => match by_key(letter) {
                Some(column) => self.sort_by(column),
                None => return Action::Nothing,
            },
            _ => return Action::Nothing,
        }
        Action::Redraw
    }

    fn sort_by(&mut self, column: Column) {
        if self.sort != column {
            (self.sort, self.is_reversed, self.scroll) = (column, false, 0);
        }
    }

    /// Sorts by a column next to the current sorting column.
    fn sort_beside(&mut self, beside: impl Fn(usize) -> Option<usize>) {
        let sortable: Vec<Column> = self.last_frame.columns.iter().copied().filter(|of| of.sorts()).collect();
        let at = sortable.iter().position(|column| *column == self.sort).and_then(beside);
        if let Some(column) = at.and_then(|at| sortable.get(at)) {
            self.sort_by(*column);
        }
    }

    /// Scrolls to a keyspace, at most so far that the last row shows the last keyspace.
    pub(super) fn scroll_to(&mut self, first: usize) {
        self.scroll = first.min(self.last_frame.keyspaces.saturating_sub(self.last_frame.page));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(controls: &mut Controls, code: KeyCode) -> Action {
        controls.press(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn keys_choose_the_order_and_the_page() {
        let mut controls = Controls::default();
        let columns = vec![Column::Name, Column::Lookups, Column::Trend, Column::Misses];
        controls.last_frame = LastFrame { columns, page: 10, keyspaces: 25 };
        for (key, column) in [
            ('n', Column::Name),
            ('t', Column::LookupCounts),
            ('m', Column::Misses),
            ('o', Column::Loads),
            ('b', Column::MemoryBytes),
            ('d', Column::DiskBytes),
            ('e', Column::Evictions),
            ('x', Column::Expirations),
            ('l', Column::Lookups),
        ] {
            assert_eq!((press(&mut controls, KeyCode::Char(key)), controls.sort), (Action::Redraw, column));
        }
        press(&mut controls, KeyCode::Right);
        assert_eq!(controls.sort, Column::Misses, "what orders nothing is passed over");
        press(&mut controls, KeyCode::Right);
        assert_eq!(controls.sort, Column::Misses);
        for _ in 0..3 {
            press(&mut controls, KeyCode::Left);
        }
        assert_eq!(controls.sort, Column::Name);
        press(&mut controls, KeyCode::Char('r'));
        let mut seen = Vec::new();
        for code in [
            KeyCode::PageDown,
            KeyCode::Down,
            KeyCode::PageDown,
            KeyCode::Up,
            KeyCode::Home,
            KeyCode::End,
            KeyCode::PageUp,
        ] {
            press(&mut controls, code);
            seen.push(controls.scroll);
        }
        assert_eq!(seen, [10, 11, 15, 14, 0, 15, 5]);
        assert!(controls.is_reversed);
        press(&mut controls, KeyCode::Char('m'));
        assert_eq!((controls.is_reversed, controls.scroll), (false, 0), "another order begins at its top");
    }

    #[test]
    fn keys_leave_interrupt_pause_and_help() {
        let mut controls = Controls::default();
        assert_eq!(press(&mut controls, KeyCode::Char('q')), Action::Leave);
        assert_eq!(press(&mut controls, KeyCode::Esc), Action::Leave);
        assert_eq!(press(&mut controls, KeyCode::Char('z')), Action::Nothing);
        press(&mut controls, KeyCode::Char('p'));
        assert!(controls.is_paused);
        press(&mut controls, KeyCode::Char(' '));
        assert!(!controls.is_paused);
        for help in ['?', 'h'] {
            press(&mut controls, KeyCode::Char(help));
            assert!(controls.shows_help);
            assert_eq!(press(&mut controls, KeyCode::Esc), Action::Redraw, "it leaves only the help");
            assert!(!controls.shows_help);
        }
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        controls.shows_help = true;
        assert_eq!(controls.press(control_c), Action::Interrupt);
    }
}
