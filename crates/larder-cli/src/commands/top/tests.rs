mod keyspaces;

use larder::{Cache, KeyspaceDefinition, Stats};
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};
use serde_json::json;

use super::source::{ProcessSample, Sample, sample_file};
use super::*;

const PRODUCTS: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("product").version(1);
const SECOND: Duration = Duration::from_secs(1);

/// A simulated screen, drawn at a given second.
struct TestScreen {
    start: Instant,
    second: u64,
    app: App,
    has_colours: bool,
}

impl TestScreen {
    fn new() -> Self {
        let app = App { history: History::default(), paused: None, controls: Controls::default() };
        Self { start: clock::now(), second: 0, app, has_colours: true }
    }

    /// Returns a screen of a shop after a minute in which the lookups and the hit rate of memory have
    /// increased.
    fn of_shop() -> Self {
        let mut seat = Self::new();
        for second in 0..60 {
            seat.add(second, Ok(live(4711, 1, at(second))));
        }
        seat
    }

    fn add(&mut self, second: u64, sample: Result<Sample, String>) {
        self.second = second;
        self.app.history.add(self.start + Duration::from_secs(second), sample);
    }

    fn press(&mut self, code: KeyCode) -> Action {
        let now = self.start + Duration::from_secs(self.second);
        self.app.press(KeyEvent::new(code, KeyModifiers::NONE), now)
    }

    fn buffer(&mut self, width: u16, height: u16, name: &str) -> Buffer {
        let now = self.start + Duration::from_secs(self.second);
        let context = FrameContext { name, has_colours: self.has_colours, now, interval: SECOND };
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| self.app.draw(frame, &context)).unwrap();
        terminal.backend().buffer().clone()
    }

    fn drawn(&mut self, width: u16, height: u16) -> String {
        text(&self.buffer(width, height, "shop.sock"))
    }
}

fn text(buffer: &Buffer) -> String {
    let rows = buffer.content().chunks(usize::from(buffer.area.width).max(1));
    let mut text = String::new();
    for row in rows {
        let mut left = 0;
        for cell in row {
            // A wide character covers the next cell.
            if left == 0 {
                text += cell.symbol();
                left = super::text::width(cell.symbol()).max(1);
            }
            left -= 1;
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}

fn live(pid: u32, connection: u64, stats: Stats) -> Sample {
    Sample::Process(Box::new(ProcessSample { pid, connection, stats }))
}

fn at(second: u64) -> Stats {
    let (memory, disk, misses) = (second * second * 40, second * 900, second * 300);
    let buckets = json!([{"up_to": 0.002, "count": second * 200}, {"up_to": 0.04, "count": second * 100}]);
    serde_json::from_value(json!({
        "memory": {"hits": memory, "entries": 5_000, "weight": 40 << 20, "capacity": 64 << 20, "evictions": second * 7},
        "disk": {
            "hits": disk, "entries": 20_000, "bytes": 100 << 20, "usable_bytes": 900 << 20, "file_bytes": 400 << 20, "capacity": 1 << 30,
            "commits": second * 10, "state": "on", "flush_lag": 0.042, "commit_latency": {"buckets": buckets},
        },
        "misses": misses, "loads": misses, "load_failures": 3, "inserts": second * 12, "invalidations": second * 2,
        "unsaved_bytes": 2 << 20, "write_buffer": 8 << 20, "uptime": second + 60,
        "keyspaces": [
            {"name": "data_package", "misses": misses, "loads": misses, "load_latency": {"buckets": buckets}, "memory_entries": 1_000,
             "memory_weight": 4 << 20, "disk_entries": 5_000, "disk_bytes": 90 << 20, "memory_evictions": second * 5, "disk_expirations": second},
            {"name": "product", "memory_hits": memory, "disk_hits": disk, "misses": 0, "memory_entries": 4_000, "disk_entries": 15_000,
             "memory_weight": 36 << 20, "disk_bytes": 10 << 20, "inserts": second * 12, "invalidations": second * 2, "memory_evictions": second * 2},
            {"name": "session"},
        ],
    }))
    .unwrap()
}

/// Compares a frame with its snapshot in `top/snapshots`. `LARDER_SNAPSHOTS=write` writes the snapshot first.
fn assert_snapshot(name: &str, drawn: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands/top/snapshots").join(name);
    if env::var("LARDER_SNAPSHOTS").is_ok_and(|wish| wish == "write") {
        std::fs::write(&path, drawn).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(drawn, expected, "{name}");
}

#[test]
fn a_live_cache_is_shown_at_each_size() {
    let mut seat = TestScreen::of_shop();
    assert_snapshot("live-40x12.txt", &seat.drawn(40, 12));
    assert_snapshot("live-80x24.txt", &seat.drawn(80, 24));
    assert_snapshot("live-200x60.txt", &seat.drawn(200, 60));
}

#[test]
fn help_is_shown_at_each_size_and_any_key_leaves_it() {
    let mut seat = TestScreen::of_shop();
    seat.press(KeyCode::Char('?'));
    assert_snapshot("help-40x12.txt", &seat.drawn(40, 12));
    assert_snapshot("help-80x24.txt", &seat.drawn(80, 24));
    assert_eq!(seat.press(KeyCode::Enter), Action::Redraw);
    assert!(seat.drawn(80, 24).contains("hit rate 94 %"));
}

#[test]
fn a_file_alone_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let cache = Cache::builder().path(&path).open().unwrap();
    cache.keyspace(PRODUCTS).unwrap().insert("MTNVTU", 100).unwrap();
    cache.close().unwrap();
    let mut seat = TestScreen::new();
    for second in 0..5 {
        seat.add(second, Ok(sample_file(&path).unwrap()));
    }
    for (width, height) in [(80, 24), (200, 60)] {
        let drawn = text(&seat.buffer(width, height, "shop.larder"));
        for text in ["shop.larder: closed", "entries 1 ", "changes 0/s", "product", "larder top SOCKET"] {
            assert!(drawn.contains(text), "{text:?}: {drawn}");
        }
    }
    let small = text(&seat.buffer(40, 12, "shop.larder"));
    assert!(small.contains("changes 0/s  entries 1") && small.contains("product"), "{small}");
}

#[test]
fn every_size_shows_something_and_none_panics() {
    let mut seat = TestScreen::of_shop();
    let mut empty = TestScreen::new();
    for width in [1, 2, 5, 39, 59, 60, 61, 139, 140, 300] {
        for height in [1, 2, 5, 6, 17, 20, 21, 100] {
            for key in ['?', 'x', 'p', 'p', 'l'] {
                seat.press(KeyCode::Char(key));
                let drawn = seat.drawn(width, height);
                assert!(!drawn.trim().is_empty(), "{width}×{height}");
            }
            empty.drawn(width, height);
        }
    }
}

#[test]
fn without_an_answer_the_last_numbers_are_dim_and_the_reason_is_shown_in_full() {
    let mut seat = TestScreen::of_shop();
    let why = "cannot connect to /run/services/shop/production/cache/larder.sock: no process answers there any more";
    let is_dim = |buffer: &Buffer| {
        let dim = |cell: &Cell| cell.modifier.contains(Modifier::DIM);
        let at = |row: u16| dim(buffer.cell((0, row)).unwrap());
        (at(8), at(12), at(18))
    };
    assert_eq!(is_dim(&seat.buffer(80, 24, "shop.sock")), (false, false, false));
    seat.add(71, Err(why.to_owned()));
    let buffer = seat.buffer(80, 24, "shop.sock");
    assert_eq!(is_dim(&buffer), (true, true, true));
    assert_snapshot("no-answer-80x24.txt", &text(&buffer));
    for (width, height) in [(40, 20), (80, 24), (200, 60)] {
        let drawn = seat.drawn(width, height).replace('\n', " ");
        let words: Vec<&str> = drawn.split_whitespace().collect();
        let expected =
            format!("NO ANSWER for 12 s: {why}. What is shown is of that time; it is asked again every 1 s.");
        let expected: Vec<&str> = expected.split_whitespace().filter(|word| word.len() < 30).collect();
        let mut left = expected.iter().peekable();
        for word in &words {
            let _ = left.next_if(|expected| *expected == word);
        }
        assert_eq!(left.next(), None, "{width}: {drawn}");
    }
    // The next answer removes the message. The rates then cover all the time since the previous answer.
    seat.add(79, Ok(live(4711, 2, at(79))));
    let drawn = seat.drawn(80, 24);
    assert!(!drawn.contains("NO ANSWER") && !drawn.contains("from zero"), "{drawn}");
    assert!(drawn.contains("lookups 6720/s"), "20 seconds are no one second:\n{drawn}");
    assert_eq!(is_dim(&seat.buffer(80, 24, "shop.sock")), (false, false, false));
}

#[test]
fn a_process_that_hangs_is_reported_before_it_fails_to_answer() {
    let mut seat = TestScreen::of_shop();
    seat.second = 62;
    assert!(!seat.drawn(80, 24).contains("NO ANSWER"));
    seat.second = 64;
    assert!(seat.drawn(80, 24).contains("NO ANSWER for 5 s: it has not answered yet. What"));
    seat.add(64, Err("is it running?".to_owned()));
    assert!(seat.drawn(80, 24).contains("is it running? What"), "a sentence ends once");
}

#[test]
fn another_process_is_reported_and_counts_from_zero() {
    let mut seat = TestScreen::of_shop();
    seat.add(70, Err("no answer from the cache".to_owned()));
    seat.add(71, Ok(live(4712, 2, at(1))));
    let drawn = seat.drawn(80, 24);
    for text in
        ["process 4712", "lookups 0/s", "process 4711 is gone; process 4712 answers and counts from zero"]
    {
        assert!(drawn.replace('\n', " ").contains(text), "{text}: {drawn}");
    }
    assert!(seat.app.history.series("hits").is_empty());
    seat.add(72, Ok(live(4712, 2, at(2))));
    assert!(seat.drawn(80, 24).contains("lookups 1320/s"), "{}", seat.drawn(80, 24));
    seat.second = 140;
    seat.add(140, Ok(live(4712, 2, at(3))));
    assert!(!seat.drawn(80, 24).contains("4711"), "a restart is shown for a minute");
}

#[test]
fn a_restarted_process_of_the_same_pid_has_no_rates() {
    let mut seat = TestScreen::of_shop();
    // In a container, every process may have the same pid.
    seat.add(60, Ok(live(4711, 2, at(2))));
    let drawn = seat.drawn(80, 24);
    assert!(
        drawn.contains("process 4711 has opened its cache anew") && drawn.contains("lookups 0/s"),
        "{drawn}"
    );
    // The same connection means the same process, even if a total fell because a keyspace was opened with
    // another version.
    let mut seat = TestScreen::of_shop();
    seat.add(60, Ok(live(4711, 1, at(2))));
    let drawn = seat.drawn(80, 24);
    assert!(!drawn.contains("anew") && drawn.contains("lookups 0/s"), "{drawn}");
    assert!(!seat.app.history.series("hits").is_empty());
}

#[test]
fn the_reason_of_a_disk_outage_is_shown_in_full() {
    let mut stats = at(1);
    if let Some(disk) = &mut stats.disk {
        let why = "no space left on device while the file was lengthened by 65536 bytes for its next region";
        (disk.state, disk.off) = (larder::DiskState::Suspended, Some(why.to_owned()));
    }
    let mut seat = TestScreen::new();
    seat.add(0, Ok(live(1, 1, stats)));
    for (width, height) in [(40, 12), (80, 24), (200, 60)] {
        let drawn = seat.drawn(width, height);
        let words = drawn.split_whitespace().collect::<Vec<_>>().join(" ");
        // On a wide screen, other numbers are on the same lines, so only the beginning and the end of the
        // message are compared.
        assert!(drawn.contains("disk     OFF: no space left") && words.contains("region;"), "{drawn}");
    }
}

#[test]
fn without_colours_the_text_is_the_same() {
    let mut seat = TestScreen::of_shop();
    seat.add(70, Err("gone".to_owned()));
    let coloured = |buffer: &Buffer| {
        buffer.content().iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    let (with, mut without) = (seat.buffer(80, 24, "shop.sock"), seat);
    without.has_colours = false;
    let without = without.buffer(80, 24, "shop.sock");
    assert!(coloured(&with) && !coloured(&without));
    assert_eq!(text(&with), text(&without));
}

#[test]
fn an_unusable_terminal_is_refused_with_an_alternative() {
    let reason =
        |is_terminal, term: Option<&str>| unusable(is_terminal, term.map(OsStr::new), Path::new("shop.sock"));
    let instead = "`larder stats shop.sock` prints once";
    for (is_terminal, term) in [(false, Some("xterm")), (true, Some("dumb")), (true, Some("")), (true, None)]
    {
        assert!(reason(is_terminal, term).unwrap().contains(instead), "{term:?}");
    }
    assert_eq!(reason(true, Some("xterm-256color")), None);
}

#[test]
fn a_source_that_hangs_does_not_block_the_keyboard() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let mut poller = Poller::start(move || {
        held.recv().map_err(|_| "let go".to_owned())?;
        Ok(live(1, 1, Stats::default()))
    });
    assert!(poller.request());
    assert!(!poller.request(), "the last request has no answer yet");
    assert!(poller.answer().unwrap().is_none(), "it does not wait");
    release.send(()).unwrap();
    let answer = loop {
        if let Some((_, answer)) = poller.answer().unwrap() {
            break answer;
        }
        std::thread::yield_now();
    };
    assert!(answer.is_ok());
    drop(release);
    assert!(poller.request());
    let answer = loop {
        if let Some((_, answer)) = poller.answer().unwrap() {
            break answer;
        }
        std::thread::yield_now();
    };
    assert_eq!(answer.err().as_deref(), Some("let go"));
}

#[test]
fn each_mode_of_the_terminal_is_undone_whichever_step_fails() {
    use std::cell::RefCell;
    use std::rc::Rc;

    for failing in 0..4 {
        let log = Rc::new(RefCell::new(Vec::new()));
        let step = move |log: &RefCell<Vec<&'static str>>, name| {
            let fails = log.borrow().len() == failing;
            log.borrow_mut().push(name);
            if fails { Err(io::Error::other(name)) } else { Ok(()) }
        };
        let switched = log.clone();
        let switch = move |mode, is_on| match (mode, is_on) {
            (Mode::Raw, true) => step(&switched, "raw"),
            (Mode::Raw, false) => step(&switched, "not raw"),
            (Mode::AlternateScreen, true) => step(&switched, "alternate"),
            (Mode::AlternateScreen, false) => step(&switched, "main"),
        };
        let screen = Screen::take(&switch, || step(&log, "open"));
        assert_eq!(screen.is_ok(), failing == 3);
        drop(screen);
        let all = ["raw", "open", "alternate", "main", "not raw"];
        let expected = match failing {
            0 => vec!["raw", "not raw"],
            1 => vec!["raw", "open", "not raw"],
            // In the last round, leaving the alternate screen fails.
            _ => all.to_vec(),
        };
        assert_eq!(*log.borrow(), expected, "step {failing} fails");
    }
}
