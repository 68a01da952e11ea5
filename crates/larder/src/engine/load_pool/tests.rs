use super::*;
use crate::sys::sync::channel::{Receiver, Sender, bounded, unbounded};

const LONG: Duration = Duration::from_mins(1);

fn pool(max_threads: usize) -> Arc<LoadPool> {
    LoadPool::new(max_threads, Process::current())
}

/// A load that says when it runs, and runs until the test lets it go on.
fn hanging(is_running: &Sender<()>, go_on: &Receiver<()>) -> LoadJob {
    let (is_running, go_on) = (is_running.clone(), go_on.clone());
    Box::new(move || {
        is_running.send(()).unwrap();
        _ = go_on.recv();
    })
}

/// Fills a pool of one thread: the thread is busy, and the queue is full.
fn fill(pool: &Arc<LoadPool>, go_on: &Receiver<()>) {
    let (runs, is_running) = unbounded();
    assert!(pool.submit(hanging(&runs, go_on)).is_ok());
    is_running.recv_timeout(LONG).unwrap();
    for _ in 0..QUEUED_PER_THREAD {
        assert!(pool.has_room() && pool.submit(hanging(&runs, go_on)).is_ok());
    }
}

#[test]
fn a_full_pool_gives_the_load_back() {
    let (pool, (to_go_on, go_on)) = (pool(1), unbounded());
    fill(&pool, &go_on);
    assert!(!pool.has_room());
    let refused = pool.submit(Box::new(|| ()));
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
    assert_eq!(pool.take_left().len(), QUEUED_PER_THREAD);
    assert!(matches!(pool.submit(Box::new(|| ())), Err(PoolRefusal::Closed(_))));
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
        assert!(pool.submit(Box::new(panics)).is_ok());
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
        assert!(pool.submit(Box::new(move || runs.send(LoadPool::is_load_thread()).unwrap())).is_ok());
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
        assert!(pool.submit(hanging(&runs, &go_on)).is_ok());
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
