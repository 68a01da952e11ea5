//! Tests that the thread that reads the connection runs no waker of a task. A waker runs code of an executor,
//! which may wait for an answer that only this thread reads. In these tests, the calling thread delivers the
//! answers and the pushes.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Wake, Waker};
use std::thread::ThreadId;

use pollster::block_on;

use super::*;
use crate::api::keyspace::load::Load;
use crate::api::keyspace::loading::policy::LoadPolicy;
use crate::api::keyspace::lookup::LookupOutcome;

/// Notes the threads that call it.
struct NotesThreads(mpsc::Sender<ThreadId>);

impl Wake for NotesThreads {
    fn wake(self: Arc<Self>) {
        self.0.send(std::thread::current().id()).unwrap();
    }
}

fn noting_waker() -> (Waker, mpsc::Receiver<ThreadId>) {
    let (told, threads) = mpsc::channel();
    (Arc::new(NotesThreads(told)).into(), threads)
}

#[test]
fn the_answer_to_the_read_of_a_refresh_wakes_its_task_on_another_thread() {
    let (spawned, tasks) = mpsc::channel();
    let two = two_nodes_with(move |builder| {
        let spawned = spawned.clone();
        builder.spawner(move |load| {
            let load: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(load);
            spawned.send(load).unwrap();
        })
    });
    let [one, _] = two.prices();
    one.insert("MTNVTU", 100).unwrap();
    assert_eq!(one.get("MTNVTU").as_deref(), Some(&100));
    let loader = |_: String, _: Option<Arc<u64>>| async { Ok::<_, Error>(Load::Cache(Arc::new(101))) };
    let loading = one.with_async_loader(LoadPolicy::new(), loader).unwrap();
    assert!(block_on(loading.refresh_async("MTNVTU")).unwrap());
    let (mut task, (waker, threads)) = (tasks.recv().unwrap(), noting_waker());
    two.nodes[0].hold_stream(true);
    assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "it reads the record");
    assert!(two.nodes[0].deliver_one());
    assert_ne!(threads.recv().unwrap(), std::thread::current().id());
    two.nodes[0].hold_stream(false);
    block_on(task);
    until(|| one.get("MTNVTU").as_deref() == Some(&101));
}

#[test]
fn the_push_of_another_machines_fill_wakes_the_waiting_task_on_another_thread() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let LookupOutcome::Load(lease) = other.lookup("MTNVTU").unwrap() else { panic!("the cache is empty") };
    let (waker, threads) = noting_waker();
    let mut waiting = Box::pin(one.get_or_load_async("MTNVTU", || async { Ok::<u64, Error>(101) }));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(lease.fill(100).unwrap(), "this delivers the push");
    assert_ne!(threads.recv().unwrap(), std::thread::current().id());
    assert_eq!(*block_on(waiting).unwrap(), 100);
}
