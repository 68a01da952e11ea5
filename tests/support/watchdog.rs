//! A watchdog that turns a hang into a failure. Its message names the test that hangs, or the command that
//! repeats the round.
//!
//! A hanging test prints nothing, not even its seed. So the watchdog watches each round of a harness, with
//! the command that replays the round. It also watches each place of a cache, with the name of the test. If a
//! round or a test exceeds its time limit, the watchdog prints everything that is in progress and aborts the
//! process, because a hanging thread can't be unwound.
//!
//! One thread counts the seconds for everything that is watched. It reads no clock, so a suspended machine
//! causes no failure. Several packages share this file.

use std::collections::BTreeMap;
use std::process::abort;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Environment variable for the time limit, in seconds.
pub(crate) const PATIENCE: &str = "LARDER_PATIENCE";
/// Default time limit in seconds. It is far longer than any round or test takes, even on a machine with ten
/// other busy programs.
const USUAL_PATIENCE: u64 = 1_800;

/// Returns the time limit for everything that is watched.
pub(crate) fn patience() -> Duration {
    let seconds = std::env::var(PATIENCE).ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(USUAL_PATIENCE))
}

struct Watched {
    what: String,
    seconds_left: u64,
}

#[derive(Default)]
struct Watchdog {
    watched: Mutex<(u64, BTreeMap<u64, Watched>)>,
    /// A condition that is never signalled. A wait for it with a timeout of one second takes one second.
    second: Condvar,
}

static WATCHDOG: OnceLock<Watchdog> = OnceLock::new();

impl Watchdog {
    fn get() -> &'static Self {
        let mut is_new = false;
        let watchdog = WATCHDOG.get_or_init(|| {
            is_new = true;
            Self::default()
        });
        if is_new {
            std::thread::spawn(|| watchdog.watch());
        }
        watchdog
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Watched>)> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) {
        let mut guard = self.lock();
        loop {
            let waited = self.second.wait_timeout(guard, Duration::from_secs(1));
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
            for watched in guard.1.values_mut() {
                watched.seconds_left = watched.seconds_left.saturating_sub(1);
            }
            if let Some(hung) = guard.1.values().find(|watched| watched.seconds_left == 0) {
                eprintln!("it hangs: {}", hung.what);
                for watched in guard.1.values() {
                    eprintln!("under way: {}", watched.what);
                }
                abort();
            }
        }
    }
}

/// Something that is watched until this value is dropped.
#[derive(Debug)]
pub(crate) struct Watch(u64);

impl Watch {
    /// Watches something. It must end before the time limit `patience`.
    pub(crate) fn over(what: String, patience: Duration) -> Self {
        let mut guard = Watchdog::get().lock();
        let (last, watched) = &mut *guard;
        *last += 1;
        watched.insert(*last, Watched { what, seconds_left: patience.as_secs() });
        Self(*last)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        Watchdog::get().lock().1.remove(&self.0);
    }
}
