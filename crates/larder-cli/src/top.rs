//! `larder top`: what a live cache does, seen while it does it.
//!
//! The terminal is put back however this ends: by a key, by a signal, by an error, and by a panic, which unwinds through [`Screen`] before anything
//! is said of it.

mod history;
mod source;
mod text;
mod view;

use std::io::{self, IsTerminal, Stdout};
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use self::history::History;
use self::source::Source;
use crate::args::TopOptions;
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;

/// How long a key or a signal may wait to be heard.
const PATIENCE: Duration = Duration::from_millis(100);

pub(crate) fn run(options: &TopOptions) -> Result<Exit, Failure> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let text = "top needs a terminal; `larder stats` prints once, for whatever reads it";
        return Err(Failure::new(Exit::Usage, text));
    }
    // Before the screen is taken: what is not there is said in the open.
    let mut source = Source::open(&options.target, options.file_only)?;
    let mut history = History::default();
    history.add(clock::now(), source.look());
    let interrupt = Interrupt::heard()?;
    let mut screen = Screen::take()?;
    let interval = Duration::from_millis(options.interval);
    let mut next = clock::now() + interval;
    loop {
        screen.0.draw(|frame| view::draw(frame, source.name(), &history))?;
        match key(next.saturating_duration_since(clock::now()))? {
            Some(Wish::Leave) => return Ok(Exit::Ok),
            Some(Wish::Interrupt) => return Ok(Exit::Interrupted),
            None if interrupt.is_asked() => return Ok(Exit::Interrupted),
            None => {}
        }
        if clock::now() >= next {
            history.add(clock::now(), source.look());
            next = following(next, interval);
        }
    }
}

/// The next moment to look: not one that has passed, if the terminal was stopped for a while.
fn following(last: Instant, interval: Duration) -> Instant {
    (last + interval).max(clock::now())
}

enum Wish {
    Leave,
    Interrupt,
}

/// What the person at the terminal wants, if that is said within a time. A terminal of another size is drawn anew.
fn key(most: Duration) -> Result<Option<Wish>, Failure> {
    if !event::poll(most.min(PATIENCE))? {
        return Ok(None);
    }
    let Event::Key(key) = event::read()? else { return Ok(None) };
    Ok(match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Interrupt),
        KeyCode::Char('q') | KeyCode::Esc => Some(Wish::Leave),
        _ => None,
    })
}

/// The terminal, until it is dropped.
struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    fn take() -> Result<Self, Failure> {
        enable_raw_mode()?;
        // From here on what fails puts it back.
        let screen = Self(Terminal::new(CrosstermBackend::new(io::stdout()))?);
        execute!(io::stdout(), EnterAlternateScreen)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Best effort: there is nobody to tell.
        drop(self.0.show_cursor());
        drop(execute!(io::stdout(), LeaveAlternateScreen));
        drop(disable_raw_mode());
    }
}

#[cfg(test)]
mod tests;
