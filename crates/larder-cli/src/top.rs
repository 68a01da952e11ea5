//! `larder top`: what a live cache does, seen while it does it.
//!
//! The terminal is put back however this ends: by a key, by a signal, by an error, and by a panic, which unwinds through [`Screen`] before anything
//! is said of it. The cache is asked on a thread of its own, so that keys and signals are heard while it does not answer.

mod columns;
mod controls;
mod history;
mod source;
mod text;
mod view;

use std::env;
use std::ffi::OsStr;
use std::io::{self, IsTerminal, Stdout};
use std::path::Path;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use self::controls::{Controls, Wish};
use self::history::History;
use self::source::{Asker, Source};
use self::view::Look;
use crate::args::TopOptions;
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;

/// How long a key, a signal or an answer may wait to be heard.
const PATIENCE: Duration = Duration::from_millis(100);

pub(crate) fn run(options: &TopOptions) -> Result<Exit, Failure> {
    let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    if let Some(why) = unusable(is_terminal, env::var_os("TERM").as_deref(), &options.target) {
        return Err(Failure::new(Exit::Usage, why));
    }
    // Before the screen is taken: what is not there is said in the open.
    let mut source = Source::open(&options.target, options.file_only)?;
    let mut shown = Shown { history: History::default(), paused: None, controls: Controls::default() };
    shown.history.add(clock::now(), source.look());
    let name = source.name().to_owned();
    let mut asker = Asker::start(move || source.look());
    let interrupt = Interrupt::heard()?;
    let mut screen = Screen::take()?;
    let interval = Duration::from_millis(options.interval);
    let has_colours = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut next = clock::now() + interval;
    loop {
        let look = Look { name: &name, has_colours, now: clock::now(), interval };
        screen.0.draw(|frame| shown.draw(frame, &look))?;
        match key(next.saturating_duration_since(clock::now()), &mut shown)? {
            Wish::Leave => return Ok(Exit::Ok),
            Wish::Interrupt => return Ok(Exit::Interrupted),
            Wish::Nothing | Wish::Show if interrupt.is_asked() => return Ok(Exit::Interrupted),
            Wish::Nothing | Wish::Show => {}
        }
        if let Some((at, answer)) = asker.answer()? {
            shown.history.add(at, answer);
        }
        if clock::now() >= next {
            asker.ask();
            next = following(next, interval);
        }
    }
}

/// Why this terminal can't be drawn on, and what to use instead.
fn unusable(is_terminal: bool, term: Option<&OsStr>, target: &Path) -> Option<String> {
    let instead = format!("`larder stats {}` prints once, for whatever reads it", target.display());
    if !is_terminal {
        return Some(format!("top needs a terminal; {instead}"));
    }
    match term {
        Some(term) if !term.is_empty() && term != "dumb" => None,
        Some(term) => Some(format!(
            "top draws on the whole screen, which this terminal can't (TERM={}); {instead}",
            term.display()
        )),
        None => Some(format!("top draws on the whole screen, and TERM does not say how; {instead}")),
    }
}

/// The next moment to look: not one that has passed, if the terminal was stopped for a while.
fn following(last: Instant, interval: Duration) -> Instant {
    (last + interval).max(clock::now())
}

/// What is shown, and how.
struct Shown {
    history: History,
    /// What there was when it was paused, and then. Behind it the history goes on, so no rate is one of a pause.
    paused: Option<(Instant, History)>,
    controls: Controls,
}

impl Shown {
    fn draw(&mut self, frame: &mut ratatui::Frame<'_>, look: &Look<'_>) {
        match &self.paused {
            Some((at, history)) => {
                view::draw(frame, &Look { now: *at, ..*look }, history, &mut self.controls);
            }
            None => view::draw(frame, look, &self.history, &mut self.controls),
        }
    }

    fn press(&mut self, key: event::KeyEvent, now: Instant) -> Wish {
        let wish = self.controls.press(key);
        if self.controls.is_paused != self.paused.is_some() {
            self.paused = self.controls.is_paused.then(|| (now, self.history.clone()));
        }
        wish
    }
}

/// What the person at the terminal wants, if that is said within a time. A terminal of another size is drawn anew.
fn key(most: Duration, shown: &mut Shown) -> Result<Wish, Failure> {
    if !event::poll(most.min(PATIENCE))? {
        return Ok(Wish::Nothing);
    }
    Ok(match event::read()? {
        Event::Key(key) => shown.press(key, clock::now()),
        _ => Wish::Show,
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
