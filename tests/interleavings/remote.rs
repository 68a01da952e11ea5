//! Tests of two caches that share a server. In many scenarios, messages of the server arrive late.
//!
//! When [`BOUND`] has passed after a change, the change counts as settled for the other node. From then on,
//! no lookup on that node may return an older value.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::testing::remote::{RemoteNode, RemoteServer};
use larder::{Cache, Format, Keyspace, KeyspaceDefinition, Load, LoadPolicy};
use shuttle::thread::sleep;

use crate::explorer::contest;
use crate::place::{SetTime, TTL, VERSIONS, let_others_go_on};
use crate::source::Source;

/// How long memory stays valid after a PING.
pub(crate) const BOUND: Duration = Duration::from_secs(1);

/// A keyspace whose values other programs can read on the server.
const TEXTS: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("text").ttl(TTL).format(Format::Raw);

/// Two caches, each with its own node, that share a server.
pub(crate) struct Machines {
    pub(crate) time: Arc<SetTime>,
    pub(crate) server: Arc<RemoteServer>,
    pub(crate) nodes: [Arc<RemoteNode>; 2],
    pub(crate) caches: [Cache; 2],
}

impl Machines {
    pub(crate) fn new() -> Self {
        let time = Arc::<SetTime>::default();
        let server = RemoteServer::new(time.clone());
        let nodes = [server.node(), server.node()];
        let open = |node: &Arc<RemoteNode>| {
            Cache::builder().clock(time.clone()).shards(1).stepped(7).remote(node.clone()).open().unwrap()
        };
        let caches = [open(&nodes[0]), open(&nodes[1])];
        Self { time, server, nodes, caches }
    }

    pub(crate) fn versions(&self) -> [Keyspace<u64, u64>; 2] {
        self.caches.each_ref().map(|cache| cache.keyspace(VERSIONS).unwrap())
    }

    /// Changes the source, and removes the key on one machine. The change is settled when the bound has
    /// passed.
    pub(crate) fn change_and_wait(&self, source: &Source, versions: &Keyspace<u64, u64>) {
        source.change(|| {
            _ = versions.remove(&1).unwrap();
            self.time.advance(BOUND);
        });
    }

    /// Closes the caches, and then checks the answers, because a panic must not unwind through open caches.
    pub(crate) fn end(self, handles: impl Sized, source: &Source) {
        drop(handles);
        self.close();
        source.check();
    }

    pub(crate) fn close(self) {
        for cache in self.caches {
            cache.close().unwrap();
        }
    }
}

/// Delays the messages of the server to a node, and then pings the server.
pub(crate) fn delay(node: &RemoteNode) {
    node.hold_stream(true);
    sleep(Duration::ZERO);
    node.hold_stream(false);
    node.ping();
}

/// Looks up key 1. A value from memory must be correct at the end of the lookup. A value from the server
/// must be correct at the start of the lookup. If another thread has asked the server meanwhile, the counts
/// do not show whether this lookup did too. Such a lookup is judged like a lookup at the server.
pub(crate) fn get(source: &Source, versions: &Keyspace<u64, u64>) {
    let counts = || {
        let stats = versions.stats();
        (stats.memory_hits, stats.disk_hits + stats.misses)
    };
    let (before, (hits, asked)) = (source.least(), counts());
    let seen = versions.get(&1).map(|value| *value);
    let after = source.least();
    let (hits_now, asked_now) = counts();
    let is_near = hits_now > hits && asked_now == asked;
    source.judge("got", seen, if is_near { after } else { before });
}

/// One machine changes the source and removes the key, while the other machine looks up the key with `get`.
/// `settle` runs after the contest.
pub(crate) fn lookups_beside_a_removal(get: impl Fn(&Source, &Keyspace<u64, u64>) + Sync, settle: fn()) {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = machines.versions();
    let node = &machines.nodes[1];
    node.bound_validity(BOUND);
    node.ping();
    source.load(&one, &1);
    contest([
        &|| machines.change_and_wait(&source, &one),
        &|| {
            get(&source, &other);
            get(&source, &other);
        },
        &|| delay(node),
    ]);
    settle();
    node.ping();
    get(&source, &other);
    source.load(&other, &1);
    machines.end((one, other), &source);
}

/// The other machine reads the key from the server.
pub(crate) fn no_answer_is_stale_beyond_the_bound() {
    lookups_beside_a_removal(get, || ());
}

/// One machine has the old value in memory, and the other machine removes the key. `hold` delays the
/// messages to the first machine, and `release` lets them arrive, while the removal and two lookups run.
fn late_messages(hold: impl FnOnce(&RemoteNode), release: impl Fn(&RemoteNode) + Send + Sync) {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = machines.versions();
    let node = &machines.nodes[1];
    source.load(&one, &1);
    // The second lookup is the first hit, and begins a window of the clock.
    other.get(&1);
    other.get(&1);
    node.bound_validity(BOUND);
    hold(node);
    contest([
        &|| machines.change_and_wait(&source, &one),
        &|| {
            get(&source, &other);
            get(&source, &other);
        },
        &|| release(node),
    ]);
    node.ping();
    get(&source, &other);
    machines.end((one, other), &source);
}

/// The push of a removal is late, and the other machine has the old value in memory.
pub(crate) fn a_push_that_is_late_is_bounded() {
    let hold = |node: &RemoteNode| {
        node.ping();
        node.hold_stream(true);
    };
    late_messages(hold, |node| node.hold_stream(false));
}

/// The answer to a PING arrives late, and so does the push of a removal behind it.
pub(crate) fn an_answer_to_a_ping_that_is_late_is_bounded() {
    let hold = |node: &RemoteNode| {
        node.hold_stream(true);
        node.ping();
    };
    late_messages(hold, |node| {
        node.deliver_one();
        sleep(Duration::ZERO);
        node.hold_stream(false);
    });
}

/// The server sends its pushes at the end of a turn. A PING of the turn is answered before the push of a
/// removal that is acknowledged in the same turn.
pub(crate) fn a_push_at_the_end_of_a_turn_is_bounded() {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = machines.versions();
    let node = &machines.nodes[1];
    source.load(&one, &1);
    other.get(&1);
    node.bound_validity(BOUND);
    node.vouch_for_the_ping_before();
    for _ in 0..2 {
        node.ping();
    }
    machines.server.hold_pushes(true);
    contest([
        &|| machines.change_and_wait(&source, &one),
        &|| {
            get(&source, &other);
            get(&source, &other);
        },
        &|| {
            node.ping();
            sleep(Duration::ZERO);
            machines.server.hold_pushes(false);
        },
    ]);
    for _ in 0..2 {
        node.ping();
    }
    get(&source, &other);
    machines.end((one, other), &source);
}

/// One machine loads the key, while the other one removes it. After a `pause` of 4 s, leases are renewed.
fn load_beside_a_removal(pause: Duration) {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = machines.versions();
    let node = &machines.nodes[1];
    node.bound_validity(BOUND);
    node.ping();
    contest([
        &|| machines.change_and_wait(&source, &one),
        &|| {
            source.load(&other, &1);
            get(&source, &other);
        },
        &|| {
            machines.time.advance(pause);
            source.load(&other, &1);
            delay(node);
        },
    ]);
    node.ping();
    get(&source, &other);
    source.load(&other, &1);
    source.load(&one, &1);
    machines.end((one, other), &source);
}

pub(crate) fn a_load_never_outlives_a_removal_on_another_machine() {
    load_beside_a_removal(Duration::ZERO);
}

pub(crate) fn a_renewed_lease_never_outlives_a_removal_on_another_machine() {
    load_beside_a_removal(Duration::from_secs(4));
}

/// One machine refreshes the value that it has in memory, while the other one runs `change`.
fn refresh_beside(change: impl Fn(&Machines, &Source, &Keyspace<u64, u64>) + Sync) {
    let (machines, source) = (Machines::new(), Arc::new(Source::new()));
    let [one, other] = machines.versions();
    let node = &machines.nodes[1];
    node.bound_validity(BOUND);
    node.ping();
    source.load(&one, &1);
    other.get(&1);
    let loaded_from = source.clone();
    let loader =
        move |_: &u64, _: Option<Arc<u64>>| Ok::<_, Infallible>(Load::Cache(loaded_from.number().into()));
    let refreshed = other.with_loader(LoadPolicy::new(), loader).unwrap();
    contest([
        &|| change(&machines, &source, &one),
        &|| {
            drop(refreshed.refresh(1));
            get(&source, &other);
        },
        &|| delay(node),
    ]);
    let_others_go_on();
    node.ping();
    get(&source, &other);
    get(&source, &one);
    machines.end((one, other, refreshed), &source);
}

pub(crate) fn a_refresh_never_outlives_a_removal_on_another_machine() {
    refresh_beside(Machines::change_and_wait);
}

/// During an update, the value that the source will have is inserted. The refresh may read this value at the
/// server, and then read the source before its change.
pub(crate) fn a_refresh_never_outlives_an_update_on_another_machine() {
    refresh_beside(|machines, source, one| {
        let update = one.begin_update(&1).unwrap();
        one.insert(&1, source.current() + 1).unwrap();
        let new = source.next();
        machines.time.advance(BOUND);
        source.settle(new);
        source.get(one, &1);
        update.finish();
    });
}

/// After its removal has returned, a machine finds no older value, whatever the other machine loads.
pub(crate) fn a_removal_is_seen_at_once_by_its_own_machine() {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = machines.versions();
    contest([
        &|| {
            source.change(|| _ = one.remove(&1).unwrap());
            source.get(&one, &1);
            source.load(&one, &1);
        },
        &|| {
            source.load(&one, &1);
            source.get(&one, &1);
        },
        &|| drop(other.get_or_load(&1, || Ok::<u64, Infallible>(source.number()))),
    ]);
    source.get(&one, &1);
    source.load(&one, &1);
    machines.end((one, other), &source);
}

/// A raw value on the server has no lease. When the loads of this machine have returned, none of them has
/// left a value from before the removal.
pub(crate) fn a_raw_load_never_outlives_a_removal_of_its_machine() {
    let (machines, source) = (Machines::new(), Source::new());
    let texts = machines.caches[0].keyspace(TEXTS).unwrap();
    let number = |text: &Arc<String>| text.parse::<u64>().ok();
    let load = || {
        let loaded = texts.get_or_load(&1, || Ok::<_, Infallible>(source.number().to_string()));
        loaded.ok().as_ref().and_then(number)
    };
    contest([&|| source.change(|| _ = texts.remove(&1).unwrap()), &|| _ = load(), &|| {
        _ = load();
        _ = load();
    }]);
    source.look("got", || texts.get(&1).as_ref().and_then(number));
    source.look("loaded", load);
    machines.end(texts, &source);
}

pub(crate) fn no_increment_of_two_machines_is_lost() {
    let machines = Machines::new();
    let [one, other] = machines.versions();
    contest([&|| _ = one.increment(&1, 1).unwrap(), &|| _ = other.increment(&1, 1).unwrap(), &|| {
        delay(&machines.nodes[0]);
    }]);
    let sums = [one.get(&1), other.get(&1)].map(|sum| sum.map(|sum| *sum));
    drop((one, other));
    machines.close();
    assert_eq!(sums, [Some(2), Some(2)]);
}

/// A copy in memory expires when the entry on the server does, even if the reply of the server came late.
pub(crate) fn a_near_copy_never_outlives_its_entry() {
    let machines = Machines::new();
    let [one, other] = machines.versions();
    one.insert(&1, 7).unwrap();
    let part = TTL / 2;
    contest([&|| machines.time.advance(part), &|| drop(other.get(&1)), &|| delay(&machines.nodes[1])]);
    machines.time.advance(TTL.saturating_sub(part) + Duration::from_secs(1));
    let seen = other.get(&1).map(|value| *value);
    drop((one, other));
    machines.close();
    assert_eq!(seen, None, "the copy has outlived its entry");
}

/// After the connection has been lost during lookups and loads, memory holds only values for which the
/// server sends invalidations.
pub(crate) fn a_lost_connection_leaves_nothing_stale() {
    let (machines, source) = (Machines::new(), Source::new());
    let [one, other] = machines.versions();
    source.load(&other, &1);
    contest([
        &|| {
            machines.nodes[1].lose();
            source.change(|| _ = one.remove(&1).unwrap());
            machines.nodes[1].connect();
        },
        &|| {
            drop(other.get(&1));
            drop(other.get_or_load(&1, || Ok::<u64, Infallible>(source.number())));
        },
        &|| drop(other.get(&1)),
    ]);
    source.get(&other, &1);
    source.load(&other, &1);
    machines.end((one, other), &source);
}

/// The last handle of a cache is dropped while the cache loses its connection. The drop checks the counters
/// of the cache, although another thread may be dropping the near copies.
pub(crate) fn a_close_beside_a_lost_connection_leaves_the_counters_right() {
    let Machines { nodes, caches: [first, other], .. } = Machines::new();
    other.keyspace(VERSIONS).unwrap().insert(&1, 10).unwrap();
    let handle = Mutex::new(Some(other));
    contest([&|| drop(handle.lock().unwrap().take()), &|| (0..4).for_each(|_| nodes[1].lose())]);
    first.close().unwrap();
}

/// Both machines load two keys, each with one call, in opposite order. Each key is loaded only once.
pub(crate) fn loads_of_several_keys_in_opposite_orders_end() {
    let (machines, loads) = (Machines::new(), AtomicU64::new(0));
    let [one, other] = machines.versions();
    let load = |versions: &Keyspace<u64, u64>, keys: [u64; 2]| {
        let values = versions.get_or_load_many(keys, |missing: &[u64]| {
            loads.fetch_add(missing.len() as u64, Ordering::SeqCst);
            Ok::<_, Infallible>(missing.iter().map(|key| (*key, 10 * key)).collect::<Vec<_>>())
        });
        let values: Vec<_> = values.unwrap().iter().map(|value| value.as_deref().copied()).collect();
        assert_eq!(values, keys.map(|key| Some(10 * key)));
    };
    contest([&|| load(&one, [1, 2]), &|| load(&other, [2, 1])]);
    assert_eq!(loads.load(Ordering::SeqCst), 2);
    drop((one, other));
    machines.close();
}
