//! Tests of how a client finds out which data the server has. The test chooses the answers of the server.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use larder::remote::{Life, RemoteTier, SetCondition};
use larder_redis::{Error, RedisTier};

use crate::node::{Node, NodeFault};
use crate::scripted_server::{Scripted, ScriptedServer, bulk};
use crate::support::{ask, eventually, key, open};

/// Returns whether a request identifies the data.
fn identifies(words: &[String]) -> bool {
    words[0] == "EVAL" && words[1].contains("local run, repl, name")
}

/// Returns the push that says that these keys have changed. `keys` is a list of keys, or null for all keys.
fn invalidation(keys: &str) -> String {
    format!(">2\r\n{}{keys}", bulk("invalidate"))
}

fn list_of(key: &str) -> String {
    format!("*1\r\n{}", bulk(key))
}

#[test]
fn a_push_in_the_same_read_as_the_last_answer_of_the_greeting_is_handled() {
    // The name of the data may have changed directly after the greeting has read it, and all keys, too.
    for keys in [list_of("larder::world"), "_\r\n".to_owned()] {
        let identifications = Arc::new(AtomicUsize::new(0));
        let counts = identifications.clone();
        let push = invalidation(&keys);
        let server = ScriptedServer::start(move |words| {
            let is_first = identifies(words) && counts.fetch_add(1, Ordering::SeqCst) == 0;
            if is_first { Scripted::Reply(bulk("world1") + &push) } else { Scripted::Usual }
        });
        let tier = open(&server.url(""));
        eventually("the data is identified again", || identifications.load(Ordering::SeqCst) == 2);
        drop(tier);
    }
}

#[test]
fn an_identification_from_before_a_change_of_all_keys_does_not_count() {
    let (release, held) = mpsc::channel::<()>();
    let (infos, identifications, held) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(held));
    let server = ScriptedServer::start(move |words| {
        // Each identification after the greeting waits for the test.
        if words[0] == "INFO" && infos.fetch_add(1, Ordering::SeqCst) > 0 {
            let _ = held.lock().unwrap().recv();
        }
        if !identifies(words) {
            return Scripted::Usual;
        }
        let all = invalidation("_\r\n");
        match identifications.fetch_add(1, Ordering::SeqCst) {
            // The second identification begins after this answer of the greeting.
            0 => Scripted::Reply(bulk("world1") + &all),
            // All keys change once more before the answer, and one key after it.
            1 => Scripted::Reply(all + &bulk("world2") + &invalidation(&list_of("larder:1:prices:k"))),
            _ => Scripted::Usual,
        }
    });
    let node = Node::open(&server.url(""), NodeFault::None);
    let set = || ask(|reply| node.tier.set(key("k"), vec![1], Life::Never, SetCondition::Always, reply));
    release.send(()).unwrap();
    // The last push is handled after the second answer.
    node.await_epoch(&key("k"), 1);
    let error = set().unwrap_err().to_string();
    assert!(error.contains("has not said which data it has"), "{error}");
    release.send(()).unwrap();
    eventually("the third identification counts", || set().is_ok());
}

#[test]
fn a_server_whose_ids_the_marker_cannot_have_is_refused() {
    for (run, replication) in [("a-b", "r1"), ("r1", "a b"), ("ä", "r1"), ("", "r1")] {
        let identifications = Arc::new(AtomicUsize::new(0));
        let counts = identifications.clone();
        let server = ScriptedServer::start(move |words| {
            counts.fetch_add(usize::from(identifies(words)), Ordering::SeqCst);
            match words[0].as_str() {
                "INFO" => {
                    let ids = format!("run_id:{run}\r\nmaster_replid:{replication}\r\n");
                    Scripted::Reply(bulk(&format!("{ids}role:master\r\n")))
                }
                _ => Scripted::Usual,
            }
        });
        let error = RedisTier::open(&server.url("")).map(drop).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().contains("ids of a master that consist of letters and digits"), "{error}");
        assert_eq!(identifications.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn a_server_that_answers_no_digest_of_a_script_is_refused_and_others_are_used() {
    let longer = "0".repeat(41);
    for digest in ["", "0123", &longer, &"A".repeat(40), &"g".repeat(40), &" ".repeat(40)] {
        let digest = bulk(digest);
        let server = ScriptedServer::start(move |words| match words[0].as_str() {
            "SCRIPT" => Scripted::Reply(digest.clone()),
            _ => Scripted::Usual,
        });
        let error = RedisTier::open(&server.url("")).map(drop).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().contains("SCRIPT LOAD is no SHA-1 digest"), "{error}");
    }
    // A server that knows no script gets each script by its text or by its digest, and never by such a word.
    let server = ScriptedServer::start(|words| {
        assert!(words[0] != "EVALSHA" || words[1].len() == 40, "{words:?}");
        Scripted::Usual
    });
    let tier = open(&server.url(""));
    let set = ask(|reply| tier.set(key("k"), vec![1], Life::Never, SetCondition::Always, reply));
    assert!(set.unwrap());
}
