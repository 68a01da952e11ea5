use std::path::Path;

use larder::{Cache, KeyspaceDefinition, Stats};
use ratatui::backend::TestBackend;
use ratatui::buffer::Cell;
use serde_json::json;

use super::*;
use crate::top::source::{Seen, facts};

const PRODUCTS: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("product").version(1);

/// A minute of a shop: each second more lookups, and the share that memory answers grows.
fn shop() -> History {
    let mut history = History::default();
    let start = clock::now();
    for second in 0..60_u64 {
        history.add(
            start + Duration::from_secs(second),
            Ok(Seen::Live { pid: 4711, stats: Box::new(at(second)) }),
        );
    }
    history
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
        "unsaved_bytes": 2048,
        "keyspaces": [
            {"name": "data_package", "misses": misses, "loads": misses, "load_latency": {"buckets": buckets}, "memory_entries": 1_000,
             "disk_entries": 5_000},
            {"name": "product", "memory_hits": memory, "disk_hits": disk, "misses": 0, "memory_entries": 4_000, "disk_entries": 15_000},
            {"name": "session"},
        ],
    }))
    .unwrap()
}

fn drawn(width: u16, height: u16, name: &str, history: &History) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(frame, name, history)).unwrap();
    let buffer = terminal.backend().buffer();
    let rows = buffer.content().chunks(usize::from(width));
    let rows = rows.map(|row| row.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned() + "\n");
    rows.collect()
}

/// Compares with what is kept in `top/snapshots`; `LARDER_SNAPSHOTS=write` keeps what is drawn now.
fn is_as_kept(name: &str, drawn: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/top/snapshots").join(name);
    if std::env::var("LARDER_SNAPSHOTS").is_ok_and(|wish| wish == "write") {
        std::fs::write(&path, drawn).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert_eq!(drawn, kept, "{name}");
}

#[test]
fn a_live_cache_is_shown_at_each_size() {
    let history = shop();
    is_as_kept("live-80x24.txt", &drawn(80, 24, "shop.sock", &history));
    is_as_kept("live-200x60.txt", &drawn(200, 60, "shop.sock", &history));
}

#[test]
fn a_file_alone_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let cache = Cache::builder().path(&path).open().unwrap();
    cache.keyspace(PRODUCTS).unwrap().insert("MTNVTU", 100).unwrap();
    cache.close().unwrap();
    let mut history = History::default();
    let start = clock::now();
    for second in 0..5 {
        history.add(start + Duration::from_secs(second), Ok(facts(&path).unwrap()));
    }
    for (width, height) in [(80, 24), (200, 60)] {
        let drawn = drawn(width, height, "shop.larder", &history);
        for text in ["shop.larder: closed", "entries 1 ", "changes 0/s", "product", "larder top SOCKET"] {
            assert!(drawn.contains(text), "{text:?}: {drawn}");
        }
    }
}

#[test]
fn a_tiny_terminal_is_told_what_is_needed_and_nothing_panics_at_any_size() {
    let history = shop();
    let tiny = drawn(40, 10, "shop.sock", &history);
    assert!(tiny.contains("This terminal has 40×10.\nlarder top needs 70×18.\nq leaves."), "{tiny}");
    for width in [1, 2, 5, 69, 70, 71, 300] {
        for height in [1, 2, 17, 18, 19, 100] {
            drawn(width, height, "shop.sock", &history);
            drawn(width, height, "shop.sock", &History::default());
        }
    }
}

#[test]
fn trouble_is_told_and_another_process_begins_anew() {
    let mut history = shop();
    assert!(!history.series("hits").is_empty());
    history.add(clock::now() + Duration::from_secs(70), Err("no answer from the cache".to_owned()));
    assert!(drawn(80, 24, "shop.sock", &history).contains("no answer from the cache"));
    let stats = Box::new(at(1));
    history.add(clock::now() + Duration::from_secs(71), Ok(Seen::Live { pid: 4712, stats }));
    let drawn = drawn(80, 24, "shop.sock", &history);
    assert!(drawn.contains("process 4712") && drawn.contains("lookups 0/s"), "{drawn}");
    assert!(history.series("hits").is_empty());
}

#[test]
fn a_disk_that_is_off_is_told() {
    let mut stats = at(1);
    if let Some(disk) = &mut stats.disk {
        (disk.state, disk.off) = (larder::DiskState::Suspended, Some("no space left on device".to_owned()));
    }
    let mut history = History::default();
    history.add(clock::now(), Ok(Seen::Live { pid: 1, stats: Box::new(stats) }));
    assert!(drawn(80, 24, "shop.sock", &history).contains("disk     OFF: no space left on device"));
}

#[test]
fn the_page_of_operations_shows_what_is_drawn() {
    let page = include_str!("../../../../docs/operations.md");
    let drawn = include_str!("snapshots/live-80x24.txt");
    for line in drawn.lines().filter(|line| !line.is_empty()) {
        assert!(page.contains(line), "{line}");
    }
}
