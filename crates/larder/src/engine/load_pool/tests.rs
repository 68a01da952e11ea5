// These tests do not run under the model checker: its channels have only one receiver, and their errors
// can't be compared.
#![cfg(not(shuttle))]

use super::*;
use crate::sys::sync::channel::{Receiver, Sender, bounded, unbounded};

const LONG: Duration = Duration::from_mins(1);

fn pool(max_threads: usize) -> Arc<LoadPool> {
    LoadPool::new(max_threads, Process::current())
}

/// A load that reports its start, and then waits until the test lets it continue.
fn hanging(is_running: &Sender<()>, go_on: &Receiver<()>) -> LoadJob {
    let (is_running, go_on) = (is_running.clone(), go_on.clone());
    Box::new(move || {
        is_running.send(()).unwrap();
        _ = go_on.recv();
    })
}

/// Fills a pool that may have only one thread. Afterwards, the thread is busy and the queue is full.
fn fill(pool: &Arc<LoadPool>, go_on: &Receiver<()>) {
    let (runs, is_running) = unbounded();
    assert!(pool.submit(LoadReason::Call, hanging(&runs, go_on)).is_ok());
    is_running.recv_timeout(LONG).unwrap();
    for _ in 0..QUEUED_PER_THREAD {
        assert!(pool.submit(LoadReason::Call, hanging(&runs, go_on)).is_ok());
    }
}

#[test]
fn a_full_pool_gives_the_load_back() {
    let (pool, (to_go_on, go_on)) = (pool(1), unbounded());
    fill(&pool, &go_on);
    let refused = pool.submit(LoadReason::Call, Box::new(|| ()));
    assert!(matches!(refused, Err(PoolRefusal::Full(_))));
    let refused = pool.submit_before(Box::new(|| ()), Deadline::after(Duration::from_millis(1)));
    assert!(matches!(refused, Err(PoolRefusal::Full(_))));
    let (runs, has_run) = bounded(1);
    to_go_on.send(()).unwrap();
    let job = Box::new(move || runs.send(()).unwrap());
    assert!(pool.submit_before(job, Deadline::after(LONG)).is_ok(), "a place becomes free");
    drop(to_go_on);
    has_run.recv_timeout(LONG).unwrap();
    pool.close();
}

#[test]
fn a_hung_load_does_not_hold_up_the_close_and_the_queue_is_left() {
    let (pool, (to_go_on, go_on)) = (pool(1), unbounded::<()>());
    fill(&pool, &go_on);
    assert!(pool.close().is_empty(), "no thread is idle");
    assert_eq!(pool.state.lock().queued(), QUEUED_PER_THREAD);
    pool.drop_left();
    assert_eq!(pool.state.lock().queued(), 0);
    assert!(matches!(pool.submit(LoadReason::Call, Box::new(|| ())), Err(PoolRefusal::Closed(_))));
    drop(to_go_on);
}

#[test]
fn a_panic_of_a_load_ends_neither_its_thread_nor_the_pool() {
    let (pool, (runs, has_run)) = (pool(1), unbounded());
    for _ in 0..3 {
        let runs = runs.clone();
        let panics = move || {
            runs.send(thread::current().id()).unwrap();
            panic!("the loader panics");
        };
        assert!(pool.submit(LoadReason::Call, Box::new(panics)).is_ok());
    }
    let ids: Vec<_> = (0..3).map(|_| has_run.recv_timeout(LONG).unwrap()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "one thread runs them all");
    for thread in pool.close() {
        thread.join().unwrap();
    }
}

#[test]
fn idle_threads_end_and_later_loads_start_new_ones() {
    let pool = LoadPool::with_idle_time(2, Process::current(), Duration::from_millis(1));
    for _ in 0..2 {
        let (runs, has_run) = bounded(1);
        assert!(
            pool.submit(LoadReason::Call, Box::new(move || runs.send(LoadPool::is_load_thread()).unwrap()))
                .is_ok()
        );
        assert_eq!(has_run.recv_timeout(LONG), Ok(true));
        while !pool.state.lock().threads.is_empty() {
            thread::yield_now();
        }
    }
    assert!(!LoadPool::is_load_thread());
}

#[test]
fn no_more_threads_are_started_than_allowed() {
    let (pool, (to_go_on, go_on), (runs, is_running)) = (pool(2), unbounded::<()>(), unbounded());
    for _ in 0..5 {
        assert!(pool.submit(LoadReason::Call, hanging(&runs, &go_on)).is_ok());
    }
    for _ in 0..2 {
        is_running.recv_timeout(LONG).unwrap();
    }
    assert_eq!(pool.state.lock().threads.len(), 2);
    assert!(is_running.try_recv().is_err(), "the others queue");
    drop(to_go_on);
    for _ in 0..3 {
        is_running.recv_timeout(LONG).unwrap();
    }
    pool.close();
}

#[test]
fn refreshes_leave_room_for_the_loads_of_callers_and_come_after_them() {
    let (pool, (to_go_on, go_on), (runs, has_run)) = (pool(1), unbounded::<()>(), unbounded());
    let (busy, is_busy) = unbounded();
    assert!(pool.submit(LoadReason::Call, hanging(&busy, &go_on)).is_ok());
    is_busy.recv_timeout(LONG).unwrap();
    let job = |reason| {
        let runs = runs.clone();
        Box::new(move || runs.send(reason).unwrap()) as LoadJob
    };
    for _ in 0..QUEUED_PER_THREAD {
        assert!(pool.has_room() && pool.submit(LoadReason::Refresh, job(LoadReason::Refresh)).is_ok());
    }
    assert!(!pool.has_room());
    let refused = pool.submit(LoadReason::Refresh, job(LoadReason::Refresh));
    assert!(matches!(refused, Err(PoolRefusal::Full(_))));
    for _ in 0..QUEUED_PER_THREAD {
        assert!(pool.submit(LoadReason::Call, job(LoadReason::Call)).is_ok());
    }
    let refused = pool.submit(LoadReason::Call, job(LoadReason::Call));
    assert!(matches!(refused, Err(PoolRefusal::Full(_))));
    drop(to_go_on);
    for at in 0..2 * QUEUED_PER_THREAD {
        let expected = if at < QUEUED_PER_THREAD { LoadReason::Call } else { LoadReason::Refresh };
        assert_eq!(has_run.recv_timeout(LONG), Ok(expected));
    }
    pool.close();
}

#[test]
fn a_thread_that_decides_to_end_is_no_longer_on_the_list() {
    let pool = LoadPool::with_idle_time(1, Process::current(), Duration::from_millis(1));
    let (ask, is_asked) = bounded::<()>(1);
    let (answer, answered) = bounded(1);
    let idle = pool.clone();
    let ends = move || {
        is_asked.recv().unwrap();
        let has_load = idle.next().is_some();
        // A load that is submitted now must start a new thread.
        answer.send((has_load, idle.state.lock().threads.len())).unwrap();
    };
    let thread = spawn("larder-load", ends).unwrap();
    pool.state.lock().threads.push(thread);
    ask.send(()).unwrap();
    assert_eq!(answered.recv_timeout(LONG), Ok((false, 0)));
}

#[test]
fn loads_that_panic_when_they_are_dropped_are_all_dropped() {
    struct Panics(Sender<()>);
    impl Drop for Panics {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
            panic!("a user's `Drop` panics");
        }
    }
    let (pool, (to_go_on, go_on), (drops, is_dropped)) = (pool(1), unbounded::<()>(), unbounded());
    let (busy, is_busy) = unbounded();
    assert!(pool.submit(LoadReason::Call, hanging(&busy, &go_on)).is_ok());
    is_busy.recv_timeout(LONG).unwrap();
    for reason in [LoadReason::Call, LoadReason::Call, LoadReason::Refresh] {
        let value = Panics(drops.clone());
        assert!(pool.submit(reason, Box::new(move || drop(value))).is_ok());
    }
    pool.close();
    pool.drop_left();
    assert_eq!(is_dropped.try_iter().count(), 3);
    drop(to_go_on);
}

#[test]
fn a_load_for_which_no_thread_can_be_started_is_given_back() {
    let pool = pool(2);
    pool.state.lock().starts_none = true;
    let refused = pool.submit_before(Box::new(|| ()), Deadline::after(LONG));
    assert!(matches!(refused, Err(PoolRefusal::NoThread(_))), "it waits for nothing");
    pool.state.lock().starts_none = false;
    let (runs, has_run) = bounded(1);
    assert!(pool.submit(LoadReason::Call, Box::new(move || runs.send(()).unwrap())).is_ok());
    has_run.recv_timeout(LONG).unwrap();
    pool.state.lock().starts_none = true;
    // The existing thread will take the load.
    assert!(pool.submit(LoadReason::Call, Box::new(|| ())).is_ok());
    for thread in pool.close() {
        thread.join().unwrap();
    }
}
