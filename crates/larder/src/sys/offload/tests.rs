//! Tests of the worker threads.

use super::*;
use crate::sys::sync::channel::{Receiver, bounded, unbounded};
use pollster::block_on;

#[test]
fn a_job_runs_on_another_thread_and_its_panic_comes_back() {
    let me = thread::current().id();
    assert_ne!(block_on(offload(move || thread::current().id())), me);
    let panic = catch_unwind(|| block_on(offload(|| resume_unwind(Box::new(7)))));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&7));
}

#[test]
fn more_jobs_than_workers_wait_and_all_of_them_run() {
    let workers =
        Arc::new(Workers { process: Process::current(), queue: Mutex::default(), added: Condvar::new() });
    let (release, held): (_, Receiver<()>) = bounded(0);
    let (done, is_done) = unbounded();
    for number in 0..3 * MAX_WORKERS {
        let (held, done) = (held.clone(), done.clone());
        workers.add(Box::new(move || {
            held.recv().unwrap_err();
            done.send(number).unwrap();
        }));
    }
    assert_eq!(workers.queue.lock().workers, MAX_WORKERS);
    drop(release);
    let mut numbers: Vec<_> = (0..3 * MAX_WORKERS).map(|_| is_done.recv().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..3 * MAX_WORKERS));
}

#[test]
fn a_job_that_no_thread_could_be_started_for_is_not_lost() {
    let (done, is_done) = unbounded();
    let queue = Mutex::default();
    let workers = Workers { process: Process::current(), queue, added: Condvar::new() };
    for number in 0..2 {
        let done = done.clone();
        workers.queue.lock().jobs.insert(number, Box::new(move || done.send(number).unwrap()));
    }
    workers.queue.lock().workers = 1;
    workers.run_without_worker();
    assert!(is_done.try_recv().is_err(), "a worker will run them");
    workers.queue.lock().workers = 0;
    workers.run_without_worker();
    assert_eq!((is_done.try_recv(), is_done.try_recv()), (Ok(0), Ok(1)));
}

#[test]
fn a_thread_that_runs_a_job_without_a_worker_tells_so_until_the_job_ends() {
    let (tell, told) = unbounded();
    let workers = Workers { process: Process::current(), queue: Mutex::default(), added: Condvar::new() };
    let tells = move || tell.send((is_running_job(), is_worker())).unwrap();
    workers.queue.lock().jobs.insert(0, Box::new(tells.clone()));
    workers.run_without_worker();
    tells();
    run_here(|| run_here(&tells));
    assert!(catch_unwind(|| run_here(|| resume_unwind(Box::new(())))).is_err());
    tells();
    let told: Vec<_> = told.try_iter().collect();
    assert_eq!(told, [(true, false), (false, false), (true, false), (false, false)]);
    assert!(block_on(offload(is_running_job)));
}

#[test]
fn a_job_that_a_worker_submits_does_not_wait_for_another_worker() {
    let nested = || {
        let me = thread::current().id();
        block_on(offload(move || thread::current().id() == me))
    };
    assert!(block_on(offload(nested)));
}

#[test]
fn a_lookup_whose_task_has_left_leaves_the_queue() {
    let workers =
        Arc::new(Workers { process: Process::current(), queue: Mutex::default(), added: Condvar::new() });
    // All workers are busy.
    workers.queue.lock().workers = MAX_WORKERS;
    let value = Arc::new(());
    let held = value.clone();
    let (sender, result) = completion();
    let number = workers.add(Box::new(move || sender.send(Ok(held))));
    let queued = QueuedJob { result: Some(result), place: Some((workers.clone(), number)) };
    assert_eq!(Arc::strong_count(&value), 2);
    drop(queued);
    assert_eq!((Arc::strong_count(&value), workers.queue.lock().jobs.len()), (1, 0));
}

#[test]
fn a_job_whose_task_has_left_runs_nevertheless() {
    let (done, is_done) = bounded(1);
    drop(submit(move || done.send(()).unwrap()));
    is_done.recv().unwrap();
}
