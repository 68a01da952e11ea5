//! Measures the memory per entry beyond its key and value, compared with the peers.
//!
//! A counting allocator adds up the requested bytes. The values are made beforehand, so they are not
//! counted, and the bytes of the keys are subtracted. Each contestant is measured in two processes: with as
//! many entries as it has room for, and after four times as many inserts. The second figure includes memory
//! for evicted keys. larder's tables double when they are full, so its bytes per entry depend on the
//! capacity. So larder alone is also measured at three more capacities before the next doubling. A second
//! column shows the growth of the process as the kernel reports it. The growth includes the allocator's
//! rounding, and memory that the allocator can't return to the system.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a child's output is what it counted")]

use std::alloc::System;
use std::env;
use std::process::Command;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use larder_benches::machine::resident_bytes;
use larder_benches::memory::{Keys, LarderInMemory, MemoryCache, PEERS, WITH_TTL, contender, values};
use larder_benches::{Against, Contest, Measured, Pace, Unit};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The argument that makes this program run as the child. It is followed by a contestant, its capacity in
/// entries, and the number of inserts.
const COUNT: &str = "--count";
/// Capacities in entries, with the maximum number of bytes per entry.
const ROOMS: [(usize, f64); 2] = [(100_000, 90.0), (1_000_000, 85.0)];
/// Further capacities at which larder is measured, in percent of each of [`ROOMS`].
const MORE: [usize; 3] = [125, 150, 175];

const CHURNED: &str = "after 4 times as many inserts";

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, verb, name, room, inserts] = arguments.as_slice()
        && verb == COUNT
    {
        count(name, number(room), number(inserts));
        return;
    }
    let Some(pace) = Pace::of_program("memory_per_entry") else { return };
    for (room, most) in ROOMS {
        let (is_long, all) = (room > 100_000, [LarderInMemory::NAME].into_iter().chain(PEERS));
        if pace.is_quick && is_long {
            continue;
        }
        let pace = pace.rounds(if is_long || pace.is_quick { 1 } else { 3 });
        let all: Vec<&'static str> = all.collect();
        for (times, filled) in [(1, "just full"), (4, CHURNED)] {
            run(&all, room, times, filled, most, &pace);
        }
        for percent in MORE {
            run(&[LarderInMemory::NAME], room * percent / 100, 4, CHURNED, most, &pace);
        }
    }
}

fn run(names: &[&'static str], room: usize, times: usize, filled: &str, most: f64, pace: &Pace) {
    let said = if room.is_multiple_of(1_000_000) {
        format!("{}M", room / 1_000_000)
    } else {
        format!("{}k", room / 1_000)
    };
    let setting = format!("room for {said}, {filled}");
    if !pace.wants("memory-per-entry", &setting) {
        return;
    }
    let title = "Memory per entry beyond key and value";
    let mut contest = Contest::new("memory-per-entry", title, setting, Unit::BytesPerEntry).without_warm_up();
    for name in names {
        contest.contestant(name, "memory only", move || in_a_child(name, room, times * room));
    }
    if names.len() > 1 {
        contest.target(Against::best(&WITH_TTL), 1.0, "below every peer that offers TTL");
    }
    contest.target(Against::Bound(most), 1.0, &format!("at most {most} B"));
    contest.note(
        "Bytes that the allocator was asked for, for each entry that is resident at the end, without those of its \
         key. \"Resident\" is the growth of the process as the kernel reports it, also without the keys.",
    );
    contest.run(pace);
}

fn in_a_child(name: &str, room: usize, inserts: usize) -> Measured {
    let program = env::current_exe().expect("a program knows its own file");
    let arguments = [COUNT, name, &room.to_string(), &inserts.to_string()];
    let output = Command::new(program).args(arguments).output().expect("a child can be started");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = text.split_whitespace().map(number).collect();
    let [counted, resident, entries] = figures.as_slice() else { panic!("{name} counted `{text}`") };
    Measured::new(*counted).also("resident", Unit::BytesPerEntry, *resident).also(
        "entries",
        Unit::Count,
        *entries,
    )
}

fn number<T: FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

/// Prints the bytes per entry, as counted by the allocator and by the kernel, and the number of entries.
#[expect(clippy::cast_precision_loss, reason = "counts of bytes are below what a double tells apart")]
fn count(name: &str, room: usize, inserts: usize) {
    let (keys, values) = (Keys::in_order(inserts), values(1 << 10));
    let (counted, resident) = (counted(), resident_bytes());
    let contender = contender(name, room).expect("a contestant's name");
    contender.inserts(&keys, 0, inserts, &values);
    contender.settle();
    let counted = settled().saturating_sub(counted);
    let resident = resident_bytes().saturating_sub(resident);
    let entries = contender.resident(&keys, 0, inserts).max(1) as f64;
    let each = |bytes: f64| bytes / entries - keys.key_len() as f64;
    println!("{} {} {entries}", each(counted as f64), each(resident as f64));
}

/// Returns the number of bytes that are currently allocated.
fn counted() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// Waits until background threads have freed their memory. Returns the number of bytes that are still
/// allocated.
#[expect(clippy::disallowed_methods, reason = "these threads do not report when they are done")]
fn settled() -> usize {
    let mut before = usize::MAX;
    for _ in 0..100 {
        let now = counted();
        if now == before {
            break;
        }
        before = now;
        thread::sleep(Duration::from_millis(20));
    }
    before
}
