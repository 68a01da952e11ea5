//! Races between a fill, a change and a push. The test plants the order of their steps: it waits for a step,
//! or a proxy holds back the answers and pushes of the server until the other steps are done. Only in
//! `AnswerWithPush` and `OwnChange` can the push and the fill run at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use larder::remote::{RemoteKey, RemoteTier};

use crate::node::{Node, NodeFault};
use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::support::{eventually, key, now};

/// The environment variable with the number of races of both tracking modes together. Default 1200.
const RACES: &str = "LARDER_REDIS_RACES";
/// The staleness bound of the caches in these tests. It is long, so that memory answers while pushes are held
/// back.
const BOUND: Duration = Duration::from_secs(1);
const WORKERS: usize = 2;
/// One of this many races loses the connection. These races are rare because they take the longest.
const LOSSES: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Answer, change, push, fill.
    PushBeforeFill,
    /// Answer, change, fill, push.
    FillBeforePush,
    /// Change after the server has sent the answer. Answer and push arrive at once, and the push races with
    /// the fill.
    AnswerWithPush,
    /// Answer, fill, change, push.
    ChangeAfterFill,
    /// Answer, change by this node, fill.
    OwnChange,
    /// Lease, change, fill at the server.
    ChangeInLoad,
    /// Answer, loss of the connection, change, fill.
    LossBeforeFill,
}

const ORDERS: [Order; 6] = [
    Order::PushBeforeFill,
    Order::FillBeforePush,
    Order::AnswerWithPush,
    Order::ChangeAfterFill,
    Order::OwnChange,
    Order::ChangeInLoad,
];

/// A worker: a node behind a proxy, and a node that changes what the first one reads.
struct Racers {
    proxy: Proxy,
    node: Node,
    other: Node,
    /// The number of pushes for a write to a key that this node has not read. It is 1 in broadcast mode, and
    /// 0 otherwise.
    pushes: u64,
}

const OLD: &[u8] = b"old";

impl Racers {
    fn new(server: &RedisServer, tracking: &str, fault: NodeFault) -> Self {
        let options = format!("staleness=1s&request_timeout=20s&tracking={tracking}");
        let proxy = Proxy::start(server.socket());
        let node = Node::open(&proxy.url(&options), fault);
        let other = Node::open(&server.url(&options), NodeFault::None);
        Self { proxy, node, other, pushes: u64::from(tracking == "broadcast") }
    }

    /// Makes the other node remove the key if `at` is odd, or write a new value if `at` is even.
    fn change(&self, at: usize, key: &RemoteKey) {
        assert!(if at.is_multiple_of(2) { self.other.set(key, b"new") } else { self.other.remove(key) });
    }

    /// Runs a race, and checks that memory does not return the old value afterwards. Returns whether the
    /// lookup returned the old value, or for `ChangeInLoad`, whether the loader has run.
    fn race(&self, at: usize, order: Order, key: &RemoteKey) -> bool {
        if order == Order::ChangeInLoad {
            return self.race_of_load(at, key);
        }
        assert!(self.other.set(key, OLD));
        // Waits until the push of this write has arrived.
        if self.pushes > 0 {
            self.node.await_epoch(key, self.pushes);
        }
        if order == Order::AnswerWithPush {
            self.proxy.hold_answer_with(OLD);
        }
        let question = self.node.ask(key);
        let found = match order {
            Order::PushBeforeFill => self.node.fill(key, question, || {
                self.change(at, key);
                self.node.await_epoch(key, self.pushes + 1);
            }),
            Order::FillBeforePush => {
                let mut changed = now();
                let found = self.node.fill(key, question, || {
                    self.proxy.hold_answers(true);
                    self.change(at, key);
                    changed = now();
                });
                // Memory may return the old value until the bound has passed.
                let asked = now();
                let is_old = self.node.hit(key).as_deref() == Some(OLD);
                assert!(!is_old || asked <= changed + BOUND, "race {at}: an answer is older than the bound");
                self.proxy.hold_answers(false);
                found
            }
            Order::AnswerWithPush => {
                self.proxy.await_held();
                self.change(at, key);
                self.proxy.hold_answers(false);
                self.node.fill(key, question, || ())
            }
            Order::ChangeAfterFill => {
                let found = self.node.fill(key, question, || ());
                self.change(at, key);
                found
            }
            Order::OwnChange => self.node.fill(key, question, || assert!(self.node.set(key, b"own"))),
            Order::LossBeforeFill => self.node.fill(key, question, || {
                let generation = self.node.tier.generation();
                self.proxy.cut(false);
                eventually("the loss is seen", || self.node.tier.generation() != generation);
                self.change(at, key);
            }),
            Order::ChangeInLoad => None,
        };
        if order == Order::LossBeforeFill {
            eventually("memory may answer again", || self.node.tier_is_current());
        } else {
            self.node.await_epoch(key, self.pushes + 1);
        }
        assert_ne!(
            self.node.hit(key).as_deref(),
            Some(OLD),
            "{order:?}, race {at}: a copy outlives its push"
        );
        found.as_deref() == Some(OLD)
    }

    /// Changes a key while its loader runs. Checks that the loaded value is not stored. Returns whether the
    /// loader has run.
    fn race_of_load(&self, at: usize, key: &RemoteKey) -> bool {
        let mut has_raced = false;
        let loaded = self.node.get_or_load(key, || {
            self.change(at, key);
            has_raced = true;
            OLD.to_vec()
        });
        assert_eq!(loaded.as_deref(), Some(OLD), "race {at}");
        let found = self.other.get(key, || ());
        assert_ne!(found.as_deref(), Some(OLD), "race {at}: a load is stored that a change has voided");
        assert_ne!(self.node.hit(key).as_deref(), Some(OLD), "race {at}");
        has_raced
    }
}

/// Runs races on all workers. Returns the number of races in which the planted order took place, or `None` if
/// no Redis server is installed.
fn races(tracking: &str, fault: NodeFault, count: usize) -> Option<usize> {
    let server = RedisServer::start(&[])?;
    let (next, planted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let began = now();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let racers = Racers::new(&server, tracking, fault);
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    let order = ORDERS[at % ORDERS.len()];
                    let order = if at % LOSSES == LOSSES - 1 { Order::LossBeforeFill } else { order };
                    // Passes the quotient, because `change` uses its lowest bit. So each order has both kinds
                    // of changes.
                    let is_planted = racers.race(at / ORDERS.len(), order, &key(&format!("raced{at}")));
                    planted.fetch_add(usize::from(is_planted), Ordering::Relaxed);
                }
            });
        }
    });
    let planted = planted.load(Ordering::Relaxed);
    println!("{tracking}, {fault:?}: {planted} of {count} races were as planted, in {:?}", began.elapsed());
    Some(planted)
}

#[test]
fn no_copy_outlives_its_push_in_any_planted_order() {
    let count = std::env::var(RACES).map_or(1200, |count| count.parse::<usize>().unwrap());
    for tracking in ["per-key", "broadcast"] {
        let Some(planted) = races(tracking, NodeFault::None, count / 2) else { return };
        assert_eq!(planted, count / 2, "all races are as planted");
    }
}

#[test]
fn a_token_after_the_request_is_caught_by_one_race_and_a_copy_that_outlives_its_connection_too() {
    for (fault, order) in [
        (NodeFault::TokenAfterRequest, Order::PushBeforeFill),
        (NodeFault::KeepsAfterLoss, Order::LossBeforeFill),
    ] {
        let Some(server) = RedisServer::start(&[]) else { return };
        let racers = Racers::new(&server, "per-key", fault);
        let race = || racers.race(0, order, &key("raced"));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(race));
        let why = outcome.expect_err("the race has not seen the planted fault");
        assert!(why.downcast_ref::<String>().is_some_and(|why| why.contains("outlives its push")), "{why:?}");
    }
}
