//! `larder top`: shows the statistics of a live cache on the whole screen, and updates them.
//!
//! The terminal is restored no matter whether a key, a signal, an error or a panic ends the command. A panic
//! drops the [`Screen`] before its message is printed. A separate thread asks the cache, so that keys and
//! signals work even while the cache does not answer.

mod columns;
mod controls;
mod history;
mod source;
mod text;
mod view;

use std::env;
use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use self::controls::{Action, Controls};
use self::history::History;
use self::source::{Poller, StatsSource};
use self::view::panels::FrameContext;
use crate::args::TopOptions;
use crate::term::clock;
use crate::term::exit::{Exit, Failure};
use crate::term::interrupt::Interrupt;

/// Maximum delay before a key, a signal or an answer is handled.
const POLL: Duration = Duration::from_millis(100);

pub(crate) fn run(options: &TopOptions) -> Result<Exit, Failure> {
    let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    if let Some(why) = unusable(is_terminal, env::var_os("TERM").as_deref(), &options.target) {
        return Err(Failure::new(Exit::Usage, why));
    }
    // Opened before the screen is switched, so that a failure is printed normally.
    let mut source = StatsSource::open(&options.target, options.file_only)?;
    let mut app = App { history: History::default(), paused: None, controls: Controls::default() };
    app.history.add(clock::now(), source.sample());
    let name = source.name().to_owned();
    let mut poller = Poller::start(move || source.sample());
    let interrupt = Interrupt::listen()?;
    let mut screen = Screen::take(&switch, || Terminal::new(CrosstermBackend::new(io::stdout())))?;
    let interval = Duration::from_millis(options.interval);
    let has_colours = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut next = clock::now() + interval;
    loop {
        let context = FrameContext { name: &name, has_colours, now: clock::now(), interval };
        screen.terminal.draw(|frame| app.draw(frame, &context))?;
        match key(next.saturating_duration_since(clock::now()), &mut app)? {
            Action::Leave => return Ok(Exit::Ok),
            Action::Interrupt => return Ok(Exit::Interrupted),
            Action::Nothing | Action::Redraw if interrupt.is_requested() => return Ok(Exit::Interrupted),
            Action::Nothing | Action::Redraw => {}
        }
        if let Some((at, answer)) = poller.answer()? {
            app.history.add(at, answer);
        }
        if clock::now() >= next {
            poller.request();
            next = following(next, interval);
        }
    }
}

/// Returns why this terminal cannot be used and which command to use instead, or `None` if it can be used.
fn unusable(is_terminal: bool, term: Option<&OsStr>, target: &Path) -> Option<String> {
    let instead = format!("`larder stats {}` prints once, to any output", target.display());
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

/// Returns the time of the next sample. It is never in the past, even if the process was suspended.
fn following(last: Instant, interval: Duration) -> Instant {
    (last + interval).max(clock::now())
}

struct App {
    history: History,
    /// The time of the pause, and a copy of the history at that time. The history itself continues during
    /// the pause. Otherwise the first rate after the pause would cover the whole pause.
    paused: Option<(Instant, History)>,
    controls: Controls,
}

impl App {
    fn draw(&mut self, frame: &mut ratatui::Frame<'_>, context: &FrameContext<'_>) {
        match &self.paused {
            Some((at, history)) => {
                view::draw(frame, &FrameContext { now: *at, ..*context }, history, &mut self.controls);
            }
            None => view::draw(frame, context, &self.history, &mut self.controls),
        }
    }

    fn press(&mut self, key: event::KeyEvent, now: Instant) -> Action {
        let wish = self.controls.press(key);
        if self.controls.is_paused != self.paused.is_some() {
            self.paused = self.controls.is_paused.then(|| (now, self.history.clone()));
        }
        wish
    }
}

/// Waits for a key or a change of the terminal's size, and handles it.
fn key(most: Duration, app: &mut App) -> Result<Action, Failure> {
    if !event::poll(most.min(POLL))? {
        return Ok(Action::Nothing);
    }
    Ok(match event::read()? {
        Event::Key(key) => app.press(key, clock::now()),
        _ => Action::Redraw,
    })
}

/// The terminal in use. Dropping this value restores the terminal, because the fields are dropped in their
/// order. First the terminal shows its cursor.
struct Screen<'a, T> {
    terminal: T,
    _alternate: ModeGuard<'a>,
    _raw: ModeGuard<'a>,
}

impl<'a, T> Screen<'a, T> {
    fn take(switch: &'a Switch, open: impl FnOnce() -> io::Result<T>) -> io::Result<Self> {
        // Each mode has a guard before the next step, whose failure would otherwise leave the mode on.
        let raw = ModeGuard::set(Mode::Raw, switch)?;
        let terminal = open()?;
        let alternate_screen = ModeGuard::set(Mode::AlternateScreen, switch)?;
        Ok(Self { terminal, _alternate: alternate_screen, _raw: raw })
    }
}

/// A mode of the terminal that `top` switches on, and off at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Raw,
    AlternateScreen,
}

/// Switches a mode on (`true`) or off.
type Switch = dyn Fn(Mode, bool) -> io::Result<()>;

fn switch(mode: Mode, is_on: bool) -> io::Result<()> {
    match (mode, is_on) {
        (Mode::Raw, true) => enable_raw_mode(),
        (Mode::Raw, false) => disable_raw_mode(),
        (Mode::AlternateScreen, true) => execute!(io::stdout(), EnterAlternateScreen),
        (Mode::AlternateScreen, false) => execute!(io::stdout(), LeaveAlternateScreen),
    }
}

/// A mode that is on. Dropping this value switches the mode off.
struct ModeGuard<'a> {
    mode: Mode,
    switch: &'a Switch,
}

impl<'a> ModeGuard<'a> {
    fn set(mode: Mode, switch: &'a Switch) -> io::Result<Self> {
        // Created first, because a failed switch may have had a part of its effect.
        let guard = Self { mode, switch };
        switch(mode, true)?;
        Ok(guard)
    }
}

impl Drop for ModeGuard<'_> {
    fn drop(&mut self) {
        // An error is ignored, because it cannot be reported here.
        drop((self.switch)(self.mode, false));
    }
}

#[cfg(test)]
mod tests;
