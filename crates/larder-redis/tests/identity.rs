//! Tests of how a client finds out which data the server has. The test chooses the answers of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::scripted_server::{Scripted, ScriptedServer, bulk};
use crate::support::{eventually, open};

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
