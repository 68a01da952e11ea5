//! Tests of nodes that fill memory while keys change and the server pushes. No value may be older than an
//! acknowledged change by more than the bound. A node with a planted fault must be detected.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::remote::{RemoteKey, RemoteTier};

use crate::ages::{Ages, TrialThread, for_time, run_trial};
use crate::node::{Node, NodeFault};
use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::support::{eventually, key, now, pause};

/// The bound in these tests, which is the minimum of `staleness`.
const BOUND: Duration = Duration::from_millis(100);
const KEYS: usize = 24;

fn keys() -> Vec<RemoteKey> {
    (0..KEYS).map(|at| key(&format!("judged{at}"))).collect()
}

/// Lets all nodes write and read for some time. Returns the ages of their answers.
fn trial(nodes: &[Node], length: Duration, disturb: &dyn Fn(usize)) -> Ages {
    let (ages, keys) = (Ages::new(KEYS), keys());
    let mut threads: Vec<TrialThread<'_>> = Vec::new();
    let (judge, names) = (&ages, &keys);
    for (writer, node) in nodes.iter().enumerate() {
        threads.push(Box::new(move |ends| write(node, (writer, nodes.len()), names, judge, ends)));
    }
    for node in nodes {
        threads.push(Box::new(move |ends| read_memory(node, names, judge, ends)));
    }
    for (reader, node) in nodes.iter().flat_map(|node| [node, node]).enumerate() {
        threads.push(Box::new(move |ends| read(node, reader, names, judge, ends)));
    }
    run_trial(threads, for_time(length, disturb));
    ages
}

/// Writes numbers to the keys of one writer, so that the order of the numbers of each key is known.
fn write(node: &Node, (writer, writers): (usize, usize), keys: &[RemoteKey], ages: &Ages, ends: &AtomicBool) {
    let mut round: usize = 0;
    while !ends.load(Ordering::Relaxed) {
        round += 1;
        for at in (0..KEYS).filter(|at| at % writers == writer) {
            let number = ages.count(at) + 1;
            // A write whose reply was lost may have been applied, so the write is repeated until the server
            // acknowledges it.
            while !node.set(&keys[at], &number.to_be_bytes()) {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                pause(Duration::from_millis(1));
            }
            ages.replace(at);
            if round.is_multiple_of(64) {
                pause(Duration::from_micros(300));
            }
        }
    }
}

fn number(bytes: Vec<u8>) -> usize {
    usize::from_be_bytes(bytes.try_into().unwrap())
}

/// Reads only memory, so it never waits for a server that does not answer.
fn read_memory(node: &Node, keys: &[RemoteKey], ages: &Ages, ends: &AtomicBool) {
    for at in (0..KEYS).cycle() {
        if ends.load(Ordering::Relaxed) {
            return;
        }
        let asked = ages.elapsed();
        if let Some(bytes) = node.hit(&keys[at]) {
            ages.judge(at, asked, number(bytes));
        }
        pause(Duration::from_micros(100));
    }
}

fn read(node: &Node, reader: usize, keys: &[RemoteKey], ages: &Ages, ends: &AtomicBool) {
    let mut round = reader;
    while !ends.load(Ordering::Relaxed) {
        round = round.wrapping_mul(31).wrapping_add(7);
        let at = round % KEYS;
        let asked = ages.elapsed();
        // Some fills are late, so that pushes overtake them.
        let delay = || {
            if round.is_multiple_of(4) {
                pause(Duration::from_micros(200));
            }
        };
        let hits = node.hits.load(Ordering::Relaxed);
        if let Some(bytes) = node.get(&keys[at], delay) {
            ages.judge(at, asked, number(bytes));
        }
        // After a hit, the reader yields the processor to the writers, so that more races happen.
        if node.hits.load(Ordering::Relaxed) > hits {
            pause(Duration::from_micros(30));
        }
    }
}

fn nodes(url: &str, count: usize, fault: NodeFault) -> Vec<Node> {
    (0..count).map(|_| Node::open(url, fault)).collect()
}

#[test]
fn no_answer_is_older_than_an_acknowledged_change_by_more_than_the_bound() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for tracking in ["per-key", "broadcast"] {
        let nodes = nodes(&server.url(&format!("staleness=100ms&tracking={tracking}")), 3, NodeFault::None);
        let judge = trial(&nodes, Duration::from_millis(2500), &|_| {});
        let hits: u64 = nodes.iter().map(|node| node.hits.load(Ordering::Relaxed)).sum();
        let (changes, answers) = (judge.total(), judge.answers());
        println!(
            "{tracking}: {answers} answers, {hits} of memory, {changes} changes, worst {:?}",
            judge.worst()
        );
        assert!(answers > 1000 && hits > 100 && changes > 300, "the trial tried too little");
        assert!(judge.worst() <= BOUND, "{tracking}: an answer was {:?} old", judge.worst());
        // Once no change is in progress, memory has no older value than the server.
        eventually("memory agrees with the server", || {
            let at_rest = |node: &Node, at: usize| {
                let last = judge.count(at);
                let copy = node.hit(&keys()[at]);
                copy.is_none_or(|bytes| number(bytes) >= last)
            };
            nodes.iter().all(|node| (0..KEYS).all(|at| at_rest(node, at)))
        });
    }
}

#[test]
fn a_token_that_is_taken_after_the_request_is_caught() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let nodes = nodes(&server.url("staleness=100ms"), 3, NodeFault::TokenAfterRequest);
    let began = now();
    while began.elapsed() < Duration::from_secs(15) {
        let judge = trial(&nodes, Duration::from_millis(300), &|_| {});
        // A copy that was stored after the push of its change remains in memory, so it can be detected now.
        pause(BOUND);
        let is_stale = |node: &Node, at: usize| {
            let last = judge.count(at);
            node.hit(&keys()[at]).is_some_and(|bytes| number(bytes) < last)
        };
        if judge.worst() > BOUND || nodes.iter().any(|node| (0..KEYS).any(|at| is_stale(node, at))) {
            return;
        }
    }
    panic!("the judge has not seen the planted fault");
}

/// Runs a trial with a node behind a proxy. The proxy sometimes holds back the bytes of the server, and cuts
/// the connection.
fn behind_a_bad_line(tracking: &str, fault: NodeFault) -> Option<Ages> {
    let server = RedisServer::start(&[])?;
    let proxy = Proxy::start(server.socket());
    let options = format!("staleness=100ms&tracking={tracking}");
    let mut nodes = nodes(&server.url(&options), 1, NodeFault::None);
    nodes.push(Node::open(&proxy.url(&format!("{options}&request_timeout=400ms")), fault));
    let judge = trial(&nodes, Duration::from_secs(3), &|step| match step % 50 {
        10 => proxy.hold_answers(true),
        25 => proxy.hold_answers(false),
        40 => proxy.cut(step % 100 > 50),
        _ => {}
    });
    let behind = &nodes[1];
    println!(
        "{tracking}, {fault:?}: {} losses, worst {:?}",
        behind.near.voids.load(Ordering::Relaxed),
        judge.worst()
    );
    assert!(behind.hits.load(Ordering::Relaxed) > 100, "memory answered too little");
    Some(judge)
}

#[test]
fn a_node_behind_a_bad_line_keeps_the_bound() {
    for tracking in ["per-key", "broadcast"] {
        let Some(judge) = behind_a_bad_line(tracking, NodeFault::None) else { return };
        assert!(judge.worst() <= BOUND, "{tracking}: an answer was {:?} old", judge.worst());
    }
}

#[test]
fn a_node_that_ignores_the_validity_is_caught() {
    let Some(judge) = behind_a_bad_line("per-key", NodeFault::NoValidity) else { return };
    assert!(judge.worst() > BOUND, "the judge has not seen the planted fault");
}

#[test]
fn a_node_that_keeps_its_memory_after_a_lost_connection_is_caught() {
    let Some(judge) = behind_a_bad_line("per-key", NodeFault::KeepsAfterLoss) else { return };
    assert!(judge.worst() > BOUND, "the judge has not seen the planted fault");
}

#[test]
fn a_value_of_memory_is_answered_only_while_the_validity_holds() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let node = Node::open(&server.url("staleness=100ms&request_timeout=10s"), NodeFault::None);
    assert!(node.set(&keys()[0], b"12345678"));
    node.get(&keys()[0], || ());
    eventually("memory answers", || {
        node.get(&keys()[0], || ());
        node.hit(&keys()[0]).is_some()
    });
    server.signal("STOP");
    // Every heartbeat that got a reply was sent before this time.
    let stopped = now();
    let mut oldest = Duration::ZERO;
    while stopped.elapsed() < BOUND * 4 {
        let asked = stopped.elapsed();
        if node.hit(&keys()[0]).is_some() {
            oldest = asked;
        }
        pause(Duration::from_micros(100));
    }
    assert!(oldest <= BOUND, "memory answered {oldest:?} after the server was stopped");
    server.signal("CONT");
    eventually("memory answers again, without a new lookup", || node.hit(&keys()[0]).is_some());
    assert_eq!(node.near.voids.load(Ordering::Relaxed), 0, "the connection was not lost");
    assert!(node.tier.why_down().is_none());
    drop(node.tier.name());
}
