//! Tests of lookups that use a shared upper bound of the time during a tick of a coarse clock, or during a
//! window of the boot clock (contract 2).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::clock::Clock;
use larder::testing::remote::RemoteServer;
use larder::{Cache, KeyspaceDefinition, Timestamp};

use crate::explorer::contest;
use crate::place::{SetTime, let_others_go_on};

const TICK: Duration = Duration::from_millis(10);

/// A clock whose coarse time changes every 10 ms.
#[derive(Debug, Default)]
struct Ticking(SetTime);

impl Clock for Ticking {
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn wall(&self) -> Timestamp {
        self.0.wall()
    }

    fn coarse_monotonic(&self) -> Option<Duration> {
        let ticks = self.0.monotonic().as_millis() / TICK.as_millis();
        Some(TICK * u32::try_from(ticks).unwrap())
    }
}

/// Two threads look up the entry in a new tick, and either of them may store the tick and its upper bound.
/// The entry expires within that tick, after the upper bound of the previous tick. The second thread looks
/// it up after its expiry.
pub(crate) fn a_hit_within_a_tick_is_never_late() {
    const SHORT: KeyspaceDefinition<u64, u64> =
        KeyspaceDefinition::new("short").ttl(Duration::from_millis(18)).memory_only();
    let clock = Arc::new(Ticking::default());
    let cache = Cache::builder().clock(clock.clone()).shards(1).open().unwrap();
    let_others_go_on();
    let entries = cache.keyspace(SHORT).unwrap();
    entries.insert(&1, 10).unwrap();
    clock.0.advance(TICK);
    let seen = Mutex::new(None);
    contest([&|| drop(entries.get(&1)), &|| {
        clock.0.advance(Duration::from_millis(9));
        *seen.lock().unwrap() = entries.get(&1);
    }]);
    cache.close().unwrap();
    assert_eq!(*seen.lock().unwrap(), None, "served past its expiry");
}

/// Like [`a_hit_within_a_tick_is_never_late`], for a near copy. The windows of the boot clock begin at 4.2
/// and 8.4 ms. The entry expires at 8 ms, after the upper bound of the first window.
pub(crate) fn a_near_hit_within_a_window_is_never_late() {
    const SHORT: KeyspaceDefinition<u64, u64> =
        KeyspaceDefinition::new("short").ttl(Duration::from_millis(8));
    let clock = Arc::<SetTime>::default();
    let node = RemoteServer::new(clock.clone()).node();
    let cache = Cache::builder().clock(clock.clone()).shards(1).stepped(7).remote(node).open().unwrap();
    let entries = cache.keyspace(SHORT).unwrap();
    entries.insert(&1, 10).unwrap();
    // The first lookup fills memory, and the second one begins a window.
    let found = [entries.get(&1), entries.get(&1)].map(|value| value.as_deref().copied());
    clock.advance(Duration::from_millis(5));
    let seen = Mutex::new(None);
    contest([&|| drop(entries.get(&1)), &|| {
        clock.advance(Duration::from_millis(3));
        *seen.lock().unwrap() = entries.get(&1);
    }]);
    drop(entries);
    cache.close().unwrap();
    assert_eq!(found, [Some(10); 2], "the first lookups");
    assert_eq!(seen.into_inner().unwrap(), None, "served past its expiry");
}
