//! Tests of masters that Sentinels name: which server is used, and for how long.

use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::time::Duration;

use larder::remote::{Life, RemoteTier, SetCondition};
use larder_redis::{Error, RedisTier};

use crate::node::{Node, NodeFault, is_current};
use crate::scripted_sentinels::{ScriptedSentinels, read_words};
use crate::server::RedisServer;
use crate::support::{ask, eventually, key, now, open, pause};

const BOUND: Duration = Duration::from_millis(200);
const URL: &str = "staleness=200ms&request_timeout=20s&connect_timeout=5s";
const SLOT: &str = "larder:1:prices:k";

fn set(tier: &RedisTier, bytes: &[u8]) -> bool {
    ask(|reply| tier.set(key("k"), bytes.to_vec(), Life::Never, SetCondition::Always, reply)).is_ok()
}

/// Reads until memory has the value.
fn warm(node: &Node) {
    eventually("memory answers", || {
        node.get(&key("k"), || ());
        node.hit(&key("k")).is_some()
    });
}

#[test]
fn the_server_that_a_majority_names_is_used_and_another_one_has_no_entries_of_it() {
    let Some((first, one)) = RedisServer::start_with_port(&["--repl-diskless-sync-delay", "0"]) else {
        return;
    };
    let Some((second, two)) = RedisServer::start_with_port(&[]) else { return };
    let sentinels = ScriptedSentinels::start(one);
    sentinels.name(0..1, two);
    let node = Node::open(&sentinels.url(0, URL), NodeFault::None);
    assert!(node.tier.why_down().is_none(), "{:?}", node.tier.why_down());
    assert!(node.set(&key("k"), b"v"));
    assert_eq!((first.cli(&["EXISTS", SLOT]), second.cli(&["EXISTS", SLOT])), ("1".into(), "0".into()));
    warm(&node);
    // A failover: the new master has the data of the old master, but another replication id.
    assert_eq!(second.cli(&["REPLICAOF", "127.0.0.1", &one.to_string()]), "OK");
    eventually("the replica is filled", || second.cli(&["EXISTS", SLOT]) == "1");
    let before = node.tier.generation();
    // A majority names the second server while that server is still a replica.
    sentinels.name(1..2, two);
    eventually("the first one is left", || node.tier.generation() != before);
    assert_eq!(node.hit(&key("k")), None);
    eventually("a replica is refused", || {
        node.tier.why_down().is_some_and(|why| why.to_string().contains("it is a replica"))
    });
    assert_eq!(second.cli(&["REPLICAOF", "NO", "ONE"]), "OK");
    eventually("the second one is used", || ask(|reply| node.tier.get(key("k"), reply)).is_ok());
    assert_eq!(ask(|reply| node.tier.get(key("k"), reply)).unwrap(), None, "all is a miss");
    assert_eq!(second.cli(&["EXISTS", SLOT]), "1", "the record is there, of an earlier generation");
    assert!(node.set(&key("k"), b"w"));
    assert_eq!(first.cli(&["STRLEN", SLOT]), second.cli(&["STRLEN", SLOT]));
}

#[test]
fn without_votes_memory_answers_no_longer_than_the_bound_and_the_server_not_either() {
    let Some((_server, port)) = RedisServer::start_with_port(&[]) else { return };
    let sentinels = ScriptedSentinels::start(port);
    let node = Node::open(
        &sentinels.url(0, "staleness=200ms&request_timeout=800ms&connect_timeout=300ms"),
        NodeFault::None,
    );
    eventually("it is connected", || node.set(&key("k"), b"v"));
    warm(&node);
    // One silent Sentinel of three changes nothing.
    sentinels.silence(0..1, 0, true);
    pause(BOUND * 2);
    eventually("memory answers", || node.hit(&key("k")).is_some());
    let generation = node.tier.generation();
    sentinels.silence(0..2, 0, true);
    // Every question that was answered was asked before this time.
    let silent = now();
    let mut oldest = Duration::ZERO;
    while silent.elapsed() < BOUND * 2 {
        let asked = silent.elapsed();
        if node.hit(&key("k")).is_some() {
            oldest = asked;
        }
        pause(Duration::from_micros(100));
    }
    assert!(oldest <= BOUND, "memory answered {oldest:?} after the Sentinels were silent");
    let (sender, answer) = larder::remote::reply();
    node.tier.get(key("k"), sender);
    sentinels.silence(0..3, 0, false);
    // The Sentinels never answer a question from the time of their silence. The client asks again over
    // another connection.
    assert!(answer.wait().is_ok_and(|found| found.is_some()) || node.tier.generation() != generation);
    sentinels.silence(0..3, 0, true);
    eventually("the connection is given up", || node.tier.why_down().is_some());
    assert!(!node.remove(&key("k")), "no server can be believed");
    sentinels.silence(0..3, 0, false);
    eventually("it is used again", || node.set(&key("k"), b"w"));
}

/// Runs a node that is cut off from the Sentinels together with the old master, and a node that uses the new
/// master. Checks that the old master acknowledges no removal later than the bound. Returns how long after a
/// change by the second node the first node last returned the old value.
fn cut_off(fault: NodeFault) -> Option<Duration> {
    let (_first, one) = RedisServer::start_with_port(&[])?;
    let (_second, two) = RedisServer::start_with_port(&[])?;
    let sentinels = ScriptedSentinels::start(one);
    let [behind, other] = [0, 1].map(|side| Node::open(&sentinels.url(side, URL), fault));
    assert!(behind.set(&key("k"), b"old"));
    warm(&behind);
    let generation = other.tier.generation();
    sentinels.silence(0..3, 0, true);
    sentinels.name(0..3, two);
    let began = now();
    let oldest = std::thread::scope(|scope| {
        let change = scope.spawn(|| {
            // Until then, a change would go to the old master.
            eventually("the old master is left", || other.tier.generation() != generation);
            eventually("the new master is used", || other.set(&key("k"), b"new"));
            now()
        });
        // The requests to the old master are sent one after another. The last one waits until the connection
        // ends.
        let requests = scope.spawn(|| {
            let mut last = None;
            loop {
                let asked = now();
                if !ask(|reply| behind.tier.get(key("k"), reply)).is_ok_and(|found| found.is_some()) {
                    return last;
                }
                last = Some(asked);
            }
        });
        let removals = scope.spawn(|| {
            let mut acknowledged = Vec::new();
            loop {
                let asked = now();
                if !behind.remove(&key("other")) {
                    return acknowledged;
                }
                acknowledged.push(asked);
                pause(Duration::from_millis(1));
            }
        });
        let mut last_hit = began;
        while began.elapsed() < BOUND * 5 {
            let asked = now();
            if behind.hit(&key("k")).is_some() {
                last_hit = asked;
            }
            pause(Duration::from_micros(100));
        }
        behind.tier.close();
        let changed = change.join().unwrap();
        let last_request = requests.join().unwrap().expect("the old master has answered");
        let mut lost = removals.join().unwrap();
        lost.retain(|asked| *asked > changed);
        println!("{} removals are lost: the old master acknowledges them beside the new one", lost.len());
        assert!(lost.iter().all(|asked| *asked <= changed + BOUND), "one was acknowledged after the bound");
        last_hit.max(last_request).saturating_duration_since(changed)
    });
    println!("{fault:?}: the oldest answer was {oldest:?} old");
    Some(oldest)
}

#[test]
fn an_old_master_that_is_cut_off_answers_nothing_older_than_the_bound() {
    let Some(oldest) = cut_off(NodeFault::None) else { return };
    assert!(oldest <= BOUND, "an answer was {oldest:?} old");
}

#[test]
fn a_node_that_believes_an_old_master_is_caught() {
    let Some(oldest) = cut_off(NodeFault::NoValidity) else { return };
    assert!(oldest > BOUND, "the test has not seen the planted fault");
}

#[test]
fn a_wrong_url_of_sentinels_is_a_clear_error() {
    let Some((server, port)) = RedisServer::start_with_port(&["--requirepass", "s3cret"]) else { return };
    let sentinels = ScriptedSentinels::start(0);
    let refused = |url: &str| RedisTier::open(url).map(drop).unwrap_err();
    let error = refused(&sentinels.url(0, "connect_timeout=5s"));
    assert!(
        matches!(error, Error::Unsupported { .. }) && error.to_string().contains("mymaster"),
        "{error:?}"
    );
    sentinels.name(0..3, port);
    let error = refused(&sentinels.url(0, "connect_timeout=5s"));
    assert!(matches!(error, Error::Refused { .. }), "the master needs a password: {error:?}");
    let url = |at: &str, options: &str| {
        format!("redis-sentinel://{at}127.0.0.1:{port}/mymaster?connect_timeout=5s&{options}")
    };
    let error = refused(&url("", "sentinel_password=s3cret"));
    assert!(error.to_string().contains("no Sentinel"), "{error:?}");
    let error = refused(&url("", "sentinel_username=u&sentinel_password=wr0ng"));
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("wr0ng"), "{error:?}");
    let with_password = sentinels.url(0, URL).replace("//", "//:s3cret@");
    let tier = open(&with_password);
    assert!(set(&tier, b"v"), "{:?}", tier.why_down());
    assert!(!format!("{tier:?} {}", tier.name()).contains("s3cret"), "{tier:?}");
    let one_of_three = sentinels.url_of(0, 0..1, URL).replace("//", "//:s3cret@");
    let why = RedisTier::open(&one_of_three).unwrap().why_down().unwrap();
    assert!(why.to_string().contains("name all of them"), "{why:?}");
    drop(server);
}

#[test]
fn a_server_that_redirects_as_a_cluster_does_is_a_clear_error() {
    // Some servers of a Cluster report that they are standalone, and redirect the client at the first key.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut input = BufReader::new(client.try_clone().unwrap());
        while let Some(words) = read_words(&mut input) {
            let answer = match words[0].as_str() {
                "HELLO" => "%2\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n",
                "INFO" => "$36\r\nrun_id:a\nmaster_replid:b\nrole:master\r\n",
                "EVAL" => "-MOVED 3999 127.0.0.1:6381\r\n",
                "SCRIPT" => "-NOPERM no permissions\r\n",
                _ => "+OK\r\n",
            };
            if client.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let error = RedisTier::open(&format!("redis://127.0.0.1:{port}")).map(drop).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }) && error.to_string().contains("Cluster"), "{error:?}");
}

#[test]
fn a_removal_that_replicas_confirm_after_the_sentinels_were_silent_is_not_acknowledged() {
    let Some((server, port)) = RedisServer::start_with_port(&["--repl-diskless-sync-delay", "0"]) else {
        return;
    };
    let Some(replica) = RedisServer::start(&["--replicaof", &format!("127.0.0.1 {port}")]) else { return };
    let sentinels = ScriptedSentinels::start(port);
    let tier = open(&sentinels.url(0, &format!("{URL}&replicas=1")));
    let remove = || {
        let (sender, answer) = larder::remote::reply();
        tier.remove(vec![key("k")], sender);
        answer
    };
    eventually("the replica confirms", || remove().wait().is_ok());
    replica.signal("STOP");
    let waiting = remove();
    // The server has replied to the removal when it waits for the replica.
    eventually("the removal waits", || server.cli(&["INFO", "clients"]).contains("blocked_clients:1"));
    sentinels.silence(0..3, 0, true);
    eventually("no majority vouches", || !is_current(&tier));
    // The server is vouched for until `BOUND` after the last question that was answered.
    pause(BOUND);
    replica.signal("CONT");
    let error = waiting.wait().unwrap_err();
    assert!(error.may_be_applied() && error.to_string().contains("no majority of the Sentinels"), "{error}");
}
