//! Tasks of a child that continues after its parent has closed the cache or has ended.

use std::path::Path;
use std::thread;

use larder::control::Client;
use larder::{Cache, Durability, InsertOptions};
use rustix::process::{Signal, getpid, kill_process};

use super::split::split;
use super::tasks::{HELD, busy_cache};
use crate::support::VERSIONS;
use crate::support::child::{hear, say};

pub(super) fn control(path: &Path) {
    let socket = path.with_extension("sock");
    let cache = Cache::builder().path(path).control_socket(&socket).open().unwrap();
    let mut client = Client::connect(&socket).unwrap();
    client.stats().unwrap();
    let (mut until, end) = std::io::pipe().unwrap();
    let child = match split() {
        Ok(child) => child,
        Err(says) => says.run(move |_| {
            drop(end);
            // The child waits here until its parent has closed the cache.
            std::io::Read::read_to_end(&mut until, &mut Vec::new()).unwrap();
        }),
    };
    cache.close().unwrap();
    say("closed");
    assert!(client.stats().is_err(), "the client is let go of");
    drop(end);
    drop(child.ends_well());
    let cache = Cache::builder().path(path).control_socket(&socket).open().unwrap();
    Client::connect(&socket).unwrap().stats().unwrap();
    cache.close().unwrap();
}

/// Opens a cache, forks twice, and ends without closing the cache. The last child then follows the requests
/// of the test.
pub(super) fn daemon(path: &Path) {
    let cache = Cache::builder().path(path).control_socket(path.with_extension("sock")).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    let (mut until, parent_lives) = std::io::pipe().unwrap();
    match split() {
        Ok(child) => {
            child.ends();
            // The first process of a daemon exits this way: it drops nothing.
            drop(parent_lives);
            std::process::exit(0);
        }
        Err(says) => match split() {
            Ok(_) => kill_process(getpid(), Signal::KILL).unwrap(),
            Err(says_itself) => {
                drop((says, parent_lives));
                says_itself.run(move |_| {
                    std::io::Read::read_to_end(&mut until, &mut Vec::new()).unwrap();
                    serve_as_daemon(path, &cache);
                });
            }
        },
    }
}

fn serve_as_daemon(path: &Path, inherited: &Cache) {
    say("orphaned");
    assert_eq!(hear(), "abandon");
    inherited.abandon_in_child().unwrap();
    say("abandoned");
    assert_eq!(hear(), "open");
    // The parent's socket file is still at this path, but no process answers there. This child inherited a
    // descriptor of that socket.
    let socket = path.with_extension("sock");
    let own = Cache::builder().path(path).control_socket(&socket).open().unwrap();
    assert_eq!(Client::connect(&socket).unwrap().server().pid, std::process::id());
    let versions = own.keyspace(VERSIONS).unwrap();
    versions.insert(&2, 20).unwrap();
    say("reopened");
    assert_eq!(hear(), "close");
    own.close().unwrap();
    say("closed");
}

/// Forks while the writer works. The parent is then killed. The child abandons the file and continues.
pub(super) fn abandon(path: &Path) {
    let (cache, versions) = busy_cache(path);
    versions.insert_with(&0, 1, InsertOptions::new().durability(Durability::Immediate)).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for key in 1.. {
                versions.insert(&key, key).unwrap();
            }
        });
        // The removals keep the writer busy during the fork.
        for key in 1..20 {
            let _was_there = versions.remove(&key).unwrap();
        }
        let (mut until, parent_lives) = std::io::pipe().unwrap();
        match split() {
            Ok(_) => kill_process(getpid(), Signal::KILL).unwrap(),
            Err(says) => says.run(|_| {
                drop(parent_lives);
                let abandoned = cache.abandon_in_child();
                std::io::Read::read_to_end(&mut until, &mut Vec::new()).unwrap();
                say(if abandoned.is_ok() { "abandoned" } else { HELD });
                assert_eq!(hear(), "end");
                say("ends");
            }),
        }
    });
}
