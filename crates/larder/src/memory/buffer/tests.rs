use super::*;
use crate::sys::sync::channel::{Receiver, Sender, bounded, unbounded};
use crate::sys::sync::thread;

#[test]
fn room_is_given_back_once_by_its_last_holder() {
    let buffer = WriteBuffer::new(100);
    let shared = Arc::new(buffer.reserve(60, || ()).unwrap());
    let other = shared.clone();
    drop(shared);
    assert_eq!(buffer.used(), 60);
    drop(other);
    assert_eq!(buffer.used(), 0);
}

#[test]
fn a_full_buffer_makes_a_writer_wait_until_room_is_given_back() {
    let buffer = WriteBuffer::new(100);
    let first = buffer.reserve(60, || ()).unwrap();
    let (full, seen) = bounded(8);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| buffer.reserve(60, || full.send(()).unwrap()).map(|room| room.bytes));
        seen.recv().unwrap();
        assert_eq!(buffer.used(), 60);
        drop(first);
        assert_eq!(waiter.join().unwrap(), Some(60));
    });
}

#[test]
fn a_waiter_is_woken_when_a_sixteenth_is_free_and_not_for_each_value() {
    let buffer = WriteBuffer::new(160);
    let mut rooms: Vec<_> = (0..160).map(|_| buffer.reserve(1, || ()).unwrap()).collect();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| buffer.reserve(1, || ()).map(|room| room.bytes));
        while !buffer.has_sleepers.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        // The waiter holds the gate from its announcement until it sleeps.
        drop(buffer.gate.lock());
        rooms.truncate(151);
        assert!(buffer.has_sleepers.load(Ordering::SeqCst) && !waiter.is_finished());
        rooms.truncate(150);
        assert_eq!(waiter.join().unwrap(), Some(1));
    });
}

#[test]
fn the_end_of_a_step_wakes_a_waiter_though_little_is_free() {
    let buffer = WriteBuffer::new(160);
    let held = buffer.reserve(150, || ()).unwrap();
    let small = buffer.reserve(9, || ()).unwrap();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| buffer.reserve(8, || ()).map(|room| room.bytes));
        while !buffer.has_sleepers.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        buffer.wake_after_step();
        assert!(buffer.has_sleepers.load(Ordering::SeqCst), "nothing was released");
        let fits = buffer.reserve_at_once(1).unwrap();
        drop(small);
        assert!(buffer.has_sleepers.load(Ordering::SeqCst), "nine of ten are free");
        buffer.wake_after_step();
        assert_eq!(waiter.join().unwrap(), Some(8));
        drop(fits);
    });
    drop(held);
}

#[test]
fn closing_turns_waiters_away() {
    let buffer = WriteBuffer::new(100);
    let _first = buffer.reserve(100, || ()).unwrap();
    let (full, seen) = bounded(8);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| buffer.reserve(1, || full.send(()).unwrap()).is_none());
        seen.recv().unwrap();
        buffer.close();
        assert!(waiter.join().unwrap());
    });
    assert!(buffer.reserve(0, || ()).is_none());
}

/// Reports when the value is queued, and again when it has room. Holds the room until the sender of
/// `hold` is dropped.
fn reserve_in_turn(buffer: &Arc<WriteBuffer>, bytes: u64, told: &Sender<(u64, bool)>, hold: &Receiver<()>) {
    let room = buffer.reserve(bytes, || told.send((bytes, false)).unwrap()).unwrap();
    told.send((bytes, true)).unwrap();
    hold.recv().unwrap_err();
    drop(room);
}

#[test]
fn a_large_one_goes_alone_after_those_before_it_and_before_those_after_it() {
    let buffer = WriteBuffer::new(100);
    let first = buffer.reserve(60, || ()).unwrap();
    let (told, tell) = unbounded();
    thread::scope(|scope| {
        let begin = |bytes| {
            let (release, held) = bounded::<()>(1);
            let (buffer, told) = (&buffer, told.clone());
            scope.spawn(move || reserve_in_turn(buffer, bytes, &told, &held));
            release
        };
        let wait_for = |expected| {
            while let told = tell.recv().unwrap()
                && told != expected
            {
                assert!(!told.1, "{} was served before its turn", told.0);
            }
        };
        let early = begin(50);
        wait_for((50, false));
        let large = begin(150);
        wait_for((150, false));
        // The value of 10 bytes would fit beside the first value, but must not overtake the large value.
        let late = begin(10);
        wait_for((10, false));
        let later = begin(151);
        wait_for((151, false));
        drop(first);
        let mut served = Vec::new();
        for release in [early, large, late, later] {
            served.push(loop {
                if let (bytes, true) = tell.recv().unwrap() {
                    break bytes;
                }
            });
            assert_eq!(Some(&buffer.used()), served.last(), "alone");
            drop(release);
        }
        assert_eq!(served, [50, 150, 10, 151]);
    });
    assert_eq!((buffer.used(), buffer.has_waiters()), (0, false));
    assert!(buffer.reserve(100, || ()).is_some(), "the queue is empty again");
}

#[test]
fn an_empty_buffer_takes_a_large_one_at_once_and_closing_turns_one_away() {
    let buffer = WriteBuffer::new(100);
    let room = buffer.reserve(1_000, || panic!("it need not wait")).unwrap();
    assert_eq!((buffer.used(), room.excess()), (1_000, 900));
    let (full, seen) = bounded(8);
    thread::scope(|scope| {
        let large = scope.spawn(|| buffer.reserve(101, || full.send(()).unwrap()).is_none());
        seen.recv().unwrap();
        let small = scope.spawn(|| buffer.reserve(1, || full.send(()).unwrap()).is_none());
        seen.recv().unwrap();
        buffer.close();
        assert!(large.join().unwrap() && small.join().unwrap());
    });
    buffer.open();
    drop(room);
    assert!(buffer.reserve(1, || panic!("the queue is empty")).is_some());
}
