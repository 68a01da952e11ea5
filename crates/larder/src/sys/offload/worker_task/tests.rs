use pollster::block_on;

use super::*;
use crate::sys::offload::{JobQueue, MAX_WORKERS};
use crate::sys::process::Process;
use crate::sys::sync::channel::unbounded;
use crate::sys::sync::completion::Completion;
use crate::sys::sync::{Condvar, thread};

/// Waits for an answer that another thread sends.
async fn answer_of<T>(answer: Completion<T>) -> T {
    answer.await.unwrap()
}

fn no_workers() -> Arc<Workers> {
    Arc::new(Workers { process: Process::current(), queue: Mutex::default(), added: Condvar::new() })
}

#[test]
fn more_functions_than_workers_wait_at_the_same_time_and_workers_end_them() {
    let count = 4 * MAX_WORKERS;
    let (senders, results): (Vec<_>, Vec<_>) = (0..count)
        .map(|_| {
            let (sender, answer) = completion();
            let mut result = Box::pin(begin_here(async move {
                let answer: usize = answer_of(answer).await;
                (answer, is_worker())
            }));
            assert!(result.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            (sender, result)
        })
        .unzip();
    for (number, sender) in senders.into_iter().enumerate() {
        sender.send(number);
    }
    for (number, result) in results.into_iter().enumerate() {
        assert_eq!(block_on(result), (number, true));
    }
}

#[test]
fn one_worker_is_enough_for_any_number_of_suspended_functions() {
    let workers = no_workers();
    let (senders, answers): (Vec<_>, Vec<_>) = (0..4 * MAX_WORKERS).map(|_| completion::<()>()).unzip();
    let results: Vec<_> = answers
        .into_iter()
        .map(|answer| {
            let (sender, result) = completion();
            WorkerTask::new(workers.clone(), answer_of(answer), sender).begin();
            result
        })
        .collect();
    let queue = workers.queue.lock();
    assert_eq!((queue.workers, queue.suspended), (1, 4 * MAX_WORKERS));
    drop(queue);
    drop(senders.into_iter().map(|sender| sender.send(())).collect::<Vec<_>>());
    assert!(results.into_iter().all(|result| block_on(result).unwrap().is_ok()));
}

#[test]
fn a_function_that_is_begun_here_goes_on_on_a_worker() {
    let here = thread::current().id();
    let (sender, answer) = completion();
    sender.send(7);
    let (begun_on, ended_on, answer) = block_on(begin_here(async move {
        let begun_on = thread::current().id();
        let answer = answer_of(answer).await;
        on_worker().await;
        (begun_on, thread::current().id(), answer)
    }));
    assert_eq!((begun_on, answer), (here, 7));
    assert_ne!(ended_on, here);
}

#[test]
fn a_panic_after_a_wait_comes_back() {
    let (sender, answer) = completion();
    let panics = begin_here(async move {
        let answer: u32 = answer_of(answer).await;
        std::panic::resume_unwind(Box::new(answer));
    });
    let waits = thread::spawn(move || catch_unwind(AssertUnwindSafe(|| block_on(panics))));
    sender.send(7);
    assert_eq!(waits.join().unwrap().unwrap_err().downcast_ref(), Some(&7_u32));
}

#[test]
fn a_function_that_has_begun_ends_without_its_task() {
    let (sender, answer) = completion();
    let (done, is_done) = unbounded();
    let mut task = Box::pin(begin_here(async move { done.send(answer_of(answer).await).unwrap() }));
    assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(task);
    sender.send(7);
    assert_eq!(is_done.recv(), Ok(7));
}

#[test]
fn a_wake_up_during_a_poll_is_not_lost() {
    let workers = no_workers();
    // No worker runs, and all of them are about to start.
    workers.queue.lock().workers = MAX_WORKERS;
    let (sender, result) = completion();
    let mut polls = 0;
    let function = poll_fn(move |context: &mut Context<'_>| {
        polls += 1;
        context.waker().wake_by_ref();
        if polls == 2 { Poll::Ready(polls) } else { Poll::Pending }
    });
    let task = WorkerTask::new(workers.clone(), function, sender);
    for left in [1, 0] {
        let (TaskProgress::Waiting(function, mark) | TaskProgress::Queued(function, mark)) =
            std::mem::replace(&mut *task.progress.lock(), TaskProgress::Polled { is_woken: false })
        else {
            panic!("it waits or is queued")
        };
        let mark = mark.unwrap_or_else(|| workers.begin_suspended());
        task.poll(function, mark);
        let jobs = std::mem::take(&mut workers.queue.lock().jobs);
        assert_eq!((jobs.len(), workers.queue.lock().suspended), (left, left));
    }
    assert_eq!(block_on(result).unwrap().unwrap(), 2);
}

#[test]
fn the_last_worker_stays_while_a_task_is_suspended() {
    let queue = |workers, suspended| JobQueue { workers, suspended, ..JobQueue::default() };
    assert!(queue(1, 1).needs_this_worker());
    assert!(!queue(2, 1).needs_this_worker() && !queue(1, 0).needs_this_worker());
}

/// The first worker may not run yet when a function begins.
#[test]
fn a_function_starts_no_worker_beyond_the_maximum() {
    let workers = no_workers();
    workers.queue.lock().workers = MAX_WORKERS;
    assert!(workers.begin_suspended_with_worker().is_some());
    assert_eq!(workers.queue.lock().workers, MAX_WORKERS);
}

#[test]
fn a_function_that_no_worker_could_be_started_for_blocks_its_caller() {
    let workers = no_workers();
    let (sender, result) = completion();
    let task = WorkerTask::new(workers.clone(), async { may_suspend() }, sender);
    let of_job = task.clone();
    workers.queue.lock().jobs.insert(0, Box::new(move || of_job.run()));
    workers.run_without_worker();
    assert!(!block_on(result).unwrap().unwrap(), "its waits block");
    assert_eq!(workers.queue.lock().suspended, 0);
}
