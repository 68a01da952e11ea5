//! Tests that fork. A child may still make some calls on a cache that its parent opened, and these calls must
//! not affect the parent.
//!
//! Each test starts a new process that forks ([`tasks`]), because a fork of the test binary would inherit
//! the locks of other tests. A child reports each step before the step begins, so the last report names the
//! step that hangs. The parent kills a child that reports nothing for [`split::PATIENCE`].

mod async_loaders;
mod lasting;
mod loaders;
mod split;
pub(crate) mod tasks;

use larder::{Cache, Error};

use crate::support::child::Worker;
use crate::support::{LOCK_WAIT, Place, VERSIONS};

/// Runs a task in a new process, and checks that it succeeds.
fn passes(task: &str) {
    let place = Place::new();
    let (said, status) = Worker::start(&format!("fork {task}"), &place.path()).wait();
    assert!(
        status.success() && said.last().is_some_and(|last| last == "passed"),
        "{task}: {said:?}, {status}"
    );
}

#[test]
fn a_forked_child_is_refused_what_needs_the_threads_and_its_parent_goes_on() {
    passes("verbs");
}

#[test]
fn a_forked_child_of_a_cache_in_memory_is_refused_the_same() {
    passes("verbs-memory");
}

#[test]
fn no_verb_hangs_in_children_forked_while_others_insert_remove_load_and_commit() {
    passes("busy");
}

#[test]
fn the_last_handle_goes_quietly_in_children_forked_while_the_writer_commits() {
    passes("last-handle");
}

#[test]
fn a_follower_and_an_admin_are_refused_in_a_forked_child_and_kept_by_its_parent() {
    passes("others");
}

#[test]
fn a_loader_and_a_listener_may_fork() {
    passes("callbacks");
}

#[test]
fn an_async_loader_may_fork() {
    passes("async-loaders");
}

#[test]
fn a_cache_with_a_control_socket_is_closed_beside_a_forked_child() {
    passes("control");
}

/// Asserts that a child of the owner still holds the file after the owner has ended.
fn assert_orphaned(place: &Place, owner: u32) {
    // The owner may still be alive in the first attempts.
    for _ in 0..100_000 {
        let error = Cache::builder().path(place.path()).open().unwrap_err();
        let text = error.to_string();
        let Error::InUse { pid: Some(pid), has_ended, holders, .. } = error else {
            panic!("not held by a fork: {text}")
        };
        assert_eq!(pid, owner);
        if has_ended {
            let [child] = &holders[..] else { panic!("{holders:?}") };
            assert_ne!(child.pid, owner);
            assert!(
                text.contains(&format!("kill {}", child.pid)) && text.contains(&child.to_string()),
                "{text}"
            );
            assert!(text.contains("has ended") && text.contains("a process that it forked"), "{text}");
            return;
        }
        std::thread::yield_now();
    }
    panic!("{owner} does not end");
}

#[test]
fn a_daemon_holds_the_file_of_the_process_it_was_forked_from_until_it_abandons_it() {
    let place = Place::new();
    let mut worker = Worker::start("fork daemon", &place.path());
    assert_eq!(worker.line().unwrap(), "orphaned");
    // The worker's first process ends now. It stays a zombie, because this test has not waited for it.
    assert_orphaned(&place, worker.pid());
    worker.tell("abandon");
    assert_eq!(worker.line().unwrap(), "abandoned");
    let cache = Cache::builder().path(place.path()).open().unwrap();
    assert_eq!(cache.keyspace(VERSIONS).unwrap().get(&1).as_deref(), Some(&10));
    cache.close().unwrap();
    worker.tell("open");
    assert_eq!(worker.line().unwrap(), "reopened");
    let Err(Error::InUse { pid, has_ended: false, .. }) = Cache::builder().path(place.path()).open() else {
        panic!("the daemon has a cache of its own")
    };
    assert!(pid.is_some_and(|pid| pid != worker.pid()));
    worker.tell("close");
    assert_eq!(worker.line().unwrap(), "closed");
    let cache = Cache::builder().path(place.path()).open().unwrap();
    assert_eq!(cache.keyspace(VERSIONS).unwrap().get(&2).as_deref(), Some(&20));
}

#[test]
fn a_child_forked_in_the_middle_of_commits_gives_the_file_up_for_good() {
    let mut given_up = 0;
    for _ in 0..10 {
        let place = Place::new();
        let mut worker = Worker::start("fork abandon", &place.path());
        let said = worker.line().expect("a child is left");
        // The process that opened the cache was killed, and may still be ending. Its child lives on.
        let opened = Cache::builder().path(place.path()).open_timeout(LOCK_WAIT).open();
        if said == "held" {
            continue;
        }
        given_up += 1;
        let cache = opened.unwrap();
        assert_eq!(cache.keyspace(VERSIONS).unwrap().get(&0).as_deref(), Some(&1));
        worker.tell("end");
        assert_eq!(worker.line().unwrap(), "ends");
    }
    assert!(given_up > 5, "{given_up} of 10");
}
