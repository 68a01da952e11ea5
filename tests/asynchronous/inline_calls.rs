//! Tests of inline calls: async calls that run on the caller's thread. Such calls never wait for another
//! thread, and use the disk only while the disk is fast.

use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::thread::ThreadId;
use std::time::Duration;

use larder::testing::StallingDisk;
use larder::{Cache, Change, Error, Keyspace, Ttl};

use crate::support::tasks::HandPolled;
use crate::support::{BLOBS, Place};

const LEN: usize = 2 << 10;
const COUNT: u64 = 500;

/// Opens a cache whose first keys are on disk only, and not in a page cache.
fn filled(place: &Place, disk: &StallingDisk) -> (Cache, Keyspace<u64, Vec<u8>>) {
    let builder = place.builder().memory_capacity(64 << 10).page_cache(64 << 10).write_buffer(64 << 10);
    let cache = builder.stalling_disk(disk).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    for key in 0..COUNT {
        blobs.insert(&key, vec![1; LEN]).unwrap();
    }
    cache.flush().unwrap();
    (cache, blobs)
}

/// The ids of the threads that called a closure.
#[derive(Clone, Default)]
struct Callers(Arc<Mutex<Vec<ThreadId>>>);

impl Callers {
    fn note(&self) {
        self.0.lock().unwrap().push(thread::current().id());
    }

    fn are_this_thread(&self) -> bool {
        let callers = self.0.lock().unwrap();
        !callers.is_empty() && callers.iter().all(|id| *id == thread::current().id())
    }
}

/// Returns a change that appends a byte to the value.
fn add(callers: &Callers) -> impl FnMut(Option<&Vec<u8>>, Ttl) -> Change<Vec<u8>> + Send + 'static {
    let callers = callers.clone();
    move |value, _| {
        callers.note();
        Change::insert([value.map_or(&[][..], |value| value), &[2]].concat())
    }
}

#[test]
fn what_waits_for_nothing_is_done_at_the_first_poll() {
    let (place, disk) = (Place::new(), StallingDisk::new());
    let (cache, blobs) = filled(&place, &disk);
    let _calls = cache.inline_calls();
    let now = |got: Poll<Option<Arc<Vec<u8>>>>| matches!(got, Poll::Ready(Some(value)) if value.len() == LEN);
    assert!(now(HandPolled::new(blobs.get_async(&1)).poll()), "it is on disk");
    assert!(now(HandPolled::new(blobs.get_async(&1)).poll()), "it is in memory");
    assert_eq!(HandPolled::new(blobs.get_async(&COUNT)).poll(), Poll::Ready(None));
    for key in [1, 2, COUNT] {
        let callers = Callers::default();
        let Poll::Ready(added) = HandPolled::new(blobs.modify_async(&key, add(&callers))).poll() else {
            panic!("{key} waits");
        };
        assert_eq!(added.unwrap().new_value(), blobs.get(&key).as_deref());
        assert!(callers.are_this_thread());
    }
    let of_task = blobs.clone();
    let mut group = HandPolled::new(cache.transaction_async(move |tx| {
        let found = tx.get_many(&of_task, [3, 4, COUNT + 1])?;
        tx.insert(&of_task, &(COUNT + 1), vec![3])?;
        Ok::<_, Error>(found.iter().flatten().count())
    }));
    assert!(matches!(group.poll(), Poll::Ready(Ok(2))));
    assert_eq!(blobs.get(&(COUNT + 1)).as_deref(), Some(&vec![3]));
    cache.close().unwrap();
}

#[test]
fn a_change_without_room_in_the_write_buffer_does_not_block_the_thread() {
    let (place, disk) = (Place::new(), StallingDisk::new());
    let (cache, blobs) = filled(&place, &disk);
    let _calls = cache.inline_calls();
    let large = vec![4; 20 << 10];
    disk.stall();
    blobs.insert(&1, large.clone()).unwrap();
    let committer = cache.clone();
    let committing = thread::spawn(move || committer.flush().unwrap());
    disk.await_sync();
    // The value fits into the write buffer only after the commit has ended.
    let (callers, value) = (Callers::default(), large.clone());
    let called = callers.clone();
    let mut change = HandPolled::new(blobs.modify_async(&2, move |_, _| {
        called.note();
        Change::insert(value.clone())
    }));
    assert!(change.poll().is_pending());
    let of_task = blobs.clone();
    let mut group = HandPolled::new(cache.transaction_async(move |tx| {
        tx.insert(&of_task, &3, large.clone())?;
        tx.insert(&of_task, &4, vec![])
    }));
    let polled = group.poll();
    assert!(polled.is_pending(), "{polled:?}");
    disk.resume();
    change.finish().unwrap();
    group.finish().unwrap();
    committing.join().unwrap();
    assert!(!callers.are_this_thread(), "a worker has made the change");
    assert_eq!(blobs.get_many([2, 3]).iter().flatten().filter(|value| value[0] == 4).count(), 2);
    cache.close().unwrap();
}

#[test]
fn a_removal_is_made_at_once_and_answered_when_it_is_durable() {
    let (place, disk) = (Place::new(), StallingDisk::new());
    let (cache, blobs) = filled(&place, &disk);
    let _calls = cache.inline_calls();
    let callers = Callers::default();
    let called = callers.clone();
    disk.stall();
    let mut removal = HandPolled::new(blobs.modify_async(&1, move |_, _| {
        called.note();
        Change::Remove
    }));
    assert!(removal.poll().is_pending());
    assert!(callers.are_this_thread() && blobs.get(&1).is_none());
    disk.await_sync();
    assert!(removal.poll().is_pending(), "its commit goes on");
    disk.resume();
    assert!(removal.finish().unwrap().old().is_some());
    cache.close().unwrap();
}

#[test]
fn a_disk_that_hangs_after_a_slow_read_blocks_workers_alone() {
    let (place, disk) = (Place::new(), StallingDisk::new());
    let (cache, blobs) = filled(&place, &disk);
    let _calls = cache.inline_calls();
    disk.slow_reads(&place.clock, Duration::from_millis(10));
    assert!(matches!(HandPolled::new(blobs.get_async(&1)).poll(), Poll::Ready(Some(_))));
    disk.stall_reads();
    let mut lookup = HandPolled::new(blobs.get_async(&100));
    assert!(lookup.poll().is_pending());
    let callers = Callers::default();
    let mut change = HandPolled::new(blobs.modify_async(&150, add(&callers)));
    assert!(change.poll().is_pending());
    let of_task = blobs.clone();
    let mut group = HandPolled::new(cache.transaction_async(move |tx| tx.get_many(&of_task, [200, 250])));
    assert!(group.poll().is_pending());
    disk.await_read();
    // A lookup of a value in memory does not need the disk, so it returns while the disk is blocked.
    assert!(matches!(HandPolled::new(blobs.get_async(&1)).poll(), Poll::Ready(Some(_))));
    disk.resume();
    assert!(lookup.finish().is_some());
    change.finish().unwrap();
    assert!(group.finish().unwrap().iter().all(Option::is_some));
    assert!(!callers.are_this_thread());
    // The disk was slow, so inline calls stop using it for a while. A lookup on a worker then finds that the
    // disk is fast again.
    place.clock.advance(Duration::from_secs(59));
    assert!(HandPolled::new(blobs.get_async(&300)).finish().is_some());
    let callers = Callers::default();
    HandPolled::new(blobs.modify_async(&350, add(&callers))).finish().unwrap();
    assert!(callers.are_this_thread());
    cache.close().unwrap();
}
