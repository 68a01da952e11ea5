//! Tests that drop the loads of tasks at random, while a thread loads the same key and a task removes it.
//! No answer is older than the last removal that returned before the lookup began. Every caller that is not
//! dropped gets an answer (contract 3).

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::thread;

use larder::{Cache, Keyspace};

use crate::support::tasks::Runtime;
use crate::support::{Place, Random, VERSIONS, watch_this_test};

const ROUNDS: u64 = 400;

/// A source whose number only increases. `least` is the smallest number that a lookup may return.
#[derive(Default)]
struct JudgedSource {
    now: AtomicU64,
    least: AtomicU64,
}

impl JudgedSource {
    fn judge(&self, least: u64, answer: u64) {
        assert!(answer >= least, "{answer} was answered after {least} was committed");
        assert!(answer <= self.now.load(Ordering::SeqCst));
    }
}

/// Loads the key, and drops the load if it has no answer after `max_polls` polls.
async fn load(versions: &Keyspace<u64, u64>, numbers: &Arc<JudgedSource>, max_polls: u64) {
    let least = numbers.least.load(Ordering::SeqCst);
    let source = numbers.clone();
    let loader = move || async move {
        let number = source.now.load(Ordering::SeqCst);
        yield_once().await;
        Ok::<u64, Infallible>(number)
    };
    let mut loading = Box::pin(versions.get_or_load_async(&1, loader));
    let mut polls = 0;
    let answer = poll_fn(|context| {
        polls += 1;
        match loading.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer.ok()),
            Poll::Pending if polls >= max_polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    match answer.await {
        Some(answer) => numbers.judge(least, *answer),
        None => assert!(polls >= max_polls, "a load that goes on has an answer"),
    }
}

async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn tasks_that_are_dropped_stall_no_caller_and_bring_nothing_back() {
    let _watch = watch_this_test();
    for (seed, runtime) in (1..).zip([Runtime::TokioOnThreads, Runtime::Smol, Runtime::TokioOnOneThread]) {
        for place in [None, Some(Place::in_memory())] {
            let cache = place.as_ref().map_or_else(|| Cache::builder().open().unwrap(), Place::open);
            let versions = cache.keyspace(VERSIONS).unwrap();
            let (numbers, is_over) = (Arc::new(JudgedSource::default()), AtomicBool::new(false));
            thread::scope(|scope| {
                scope.spawn(|| {
                    while !is_over.load(Ordering::SeqCst) {
                        let least = numbers.least.load(Ordering::SeqCst);
                        let loader = || Ok::<u64, Infallible>(numbers.now.load(Ordering::SeqCst));
                        numbers.judge(least, *versions.get_or_load(&1, loader).unwrap());
                    }
                });
                runtime.block_on(async {
                    let tasks: Vec<_> = (0..3)
                        .map(|task| {
                            let (versions, numbers) = (versions.clone(), numbers.clone());
                            runtime.spawn(async move {
                                let mut random = Random::new(seed * 10 + task);
                                for _ in 0..ROUNDS {
                                    let max_polls = random.below(6) + 1;
                                    // About a third of the loads have no limit, so they run to their end.
                                    let max_polls = if max_polls > 4 { u64::MAX } else { max_polls };
                                    load(&versions, &numbers, max_polls).await;
                                }
                            })
                        })
                        .collect();
                    for _ in 0..ROUNDS / 4 {
                        let new = numbers.now.fetch_add(1, Ordering::SeqCst) + 1;
                        _ = versions.remove_async(&1).await.unwrap();
                        numbers.least.fetch_max(new, Ordering::SeqCst);
                        yield_once().await;
                    }
                    for task in tasks {
                        task.await;
                    }
                    is_over.store(true, Ordering::SeqCst);
                });
            });
            cache.close().unwrap();
        }
    }
}
