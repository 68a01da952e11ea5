//! The child processes: a racer opens, writes and closes a cache on request, and a follower reads its file.

use std::path::Path;
use std::time::Duration;

use larder::{Cache, Error, Follower, Keyspace};

use crate::support::child::{hear, say};
use crate::support::{HOUR, Key, WRITTEN, Written, spin};

/// Key of the value that is committed before a put is reported.
const COMMITTED: Key = (0, 0);
/// Key of the value that stays in the write buffer. It is committed together with the next version of
/// [`COMMITTED`].
const BUFFERED: Key = (0, 1);

/// An open cache, with its keyspace.
type Open = (Cache, Keyspace<Key, Written>);

/// Handles the requests `open TIMEOUT_MS SPIN_US`, `put VERSION`, `commits`, `read` and `close`. Reports each
/// result.
pub(crate) fn race(path: &Path) {
    let mut open: Option<Open> = None;
    say("ready");
    loop {
        let line = hear();
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match (words[0], &open) {
            ("open", _) => {
                spin(number(2));
                open = try_to_open(path, Duration::from_millis(number(1)));
            }
            ("put", Some((cache, written))) => {
                let (version, before) = (number(1), commits(cache));
                written.insert(&COMMITTED, Written::new(COMMITTED, version)).unwrap();
                cache.flush().unwrap();
                let after = commits(cache);
                written.insert(&BUFFERED, Written::new(BUFFERED, version)).unwrap();
                say(&format!("done {before} {after}"));
            }
            ("commits", Some((cache, _))) => say(&commits(cache).to_string()),
            ("read", Some((_, written))) => {
                say(&format!("found {}", written.get(&COMMITTED).map_or(0, |found| found.version)));
            }
            ("close", Some((cache, written))) => {
                // A close commits the buffered value. The value is removed first, because readers must not
                // see its version before the next version of [`COMMITTED`].
                written.remove(&BUFFERED).unwrap();
                cache.close().unwrap();
                open = None;
                say("closed");
            }
            _ => return,
        }
    }
}

/// Returns the number of commits so far, including commits of the sweeper. Every commit includes the buffered
/// values.
fn commits(cache: &Cache) -> u64 {
    cache.stats().disk.unwrap().commits
}

fn try_to_open(path: &Path, timeout: Duration) -> Option<Open> {
    // Apart from its sweeper's first sweep, this process commits only on request. Any other change of the
    // file comes from another process.
    let builder = Cache::builder().path(path).flush_interval(HOUR).sweep_interval(HOUR);
    match builder.open_timeout(timeout).open() {
        Ok(cache) => {
            let quarantined = cache.stats().disk.and_then(|disk| disk.quarantined);
            match quarantined {
                Some(aside) => say(&format!("failed by moving the file aside to {}", aside.display())),
                None => say("won"),
            }
            let written = cache.keyspace(WRITTEN).unwrap();
            Some((cache, written))
        }
        Err(Error::InUse { pid, .. }) => {
            say(&format!("lost {}", pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string())));
            None
        }
        Err(error) => {
            say(&format!("failed with {error}"));
            None
        }
    }
}

/// Handles the request `follow TIMES`. Reports `saw OPENED VERSION`, and the buffered versions that it saw
/// before a later version was committed. After a wrong answer, reports `bad` and the reason.
pub(crate) fn follow(path: &Path) {
    say("ready");
    let mut last = 0;
    loop {
        let line = hear();
        let Some(times) = line.strip_prefix("follow ").and_then(|times| times.parse::<u64>().ok()) else {
            return;
        };
        let (mut opened, mut early) = (0, Vec::new());
        let looked = (0..times).try_for_each(|_| {
            // The file may not exist yet, or may belong to an owner that was killed.
            let Ok(follower) = Follower::open(path) else { return Ok(()) };
            opened += 1;
            (0..4).try_for_each(|_| look(&follower, &mut last, &mut early))
        });
        match looked {
            Ok(()) => {
                let early: Vec<String> = early.iter().map(u64::to_string).collect();
                say(&format!("saw {opened} {last} {}", early.join(" ")));
            }
            Err(why) => say(&format!("bad {why}")),
        }
    }
}

fn look(follower: &Follower, last: &mut u64, early: &mut Vec<u64>) -> Result<(), String> {
    let written = follower.keyspace(WRITTEN);
    // A lookup may fail in a file that was closed or is being repaired. But no lookup may return a wrong
    // value.
    let version = |key: Key| match written.get(&key) {
        Ok(Some(found)) if !found.is_whole(key) => Err(format!("{key:?} was never written: {found:?}")),
        Ok(found) => Ok(found.map_or(0, |found| found.version)),
        Err(_) => Ok(0),
    };
    // The order matters: the second lookup sees the same commit as the first lookup, or a later one.
    let (buffered, committed) = (version(BUFFERED)?, version(COMMITTED)?);
    if committed > 0 && buffered >= committed {
        early.push(buffered);
    }
    if committed > 0 && committed < *last {
        return Err(format!("version {committed} was seen after {last}"));
    }
    *last = committed.max(*last);
    Ok(())
}
