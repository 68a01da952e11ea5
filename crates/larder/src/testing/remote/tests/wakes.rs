//! Tests of the threads that run foreign code. The thread that reads the connection runs no waker of a task:
//! a waker runs code of an executor, which may wait for an answer that only this thread reads. In these
//! tests, the calling thread delivers the answers and the pushes. The thread of a task decodes no value that
//! it has to wait for.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Wake, Waker};
use std::thread::ThreadId;

use parking_lot::Mutex;
use pollster::block_on;
use serde::{Deserialize, Deserializer, Serialize};

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

/// The threads that have decoded a [`Decoded`].
static DECODERS: Mutex<Vec<Option<String>>> = Mutex::new(Vec::new());

/// A value that notes the thread that decodes it.
#[derive(Debug, Serialize)]
struct Decoded(u64);

impl<'de> Deserialize<'de> for Decoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "Decoded")]
        struct Plain(u64);
        DECODERS.lock().push(std::thread::current().name().map(str::to_owned));
        Plain::deserialize(deserializer).map(|plain| Self(plain.0))
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Returns two machines, and the background tasks that they spawn.
fn two_nodes_that_spawn() -> (TwoNodes, mpsc::Receiver<Task>) {
    let (spawned, tasks) = mpsc::channel();
    let two = two_nodes_with(move |builder| {
        let spawned = spawned.clone();
        builder.spawner(move |load| {
            let load: Task = Box::pin(load);
            spawned.send(load).unwrap();
        })
    });
    (two, tasks)
}

#[test]
fn a_worker_thread_decodes_the_value_that_a_refresh_in_a_task_replaces() {
    const DECODED: KeyspaceDefinition<String, Decoded> = KeyspaceDefinition::new("decoded");
    let (two, tasks) = two_nodes_that_spawn();
    let one = two.caches[0].keyspace(DECODED).unwrap();
    one.insert("MTNVTU", Decoded(100)).unwrap();
    assert!(one.get("MTNVTU").is_some(), "a near copy");
    let loader = |_: String, live: Option<Arc<Decoded>>| async move {
        Ok::<_, Error>(Load::Cache(Arc::new(Decoded(live.map_or(0, |live| live.0 + 1)))))
    };
    let loading = one.with_async_loader(LoadPolicy::new(), loader).unwrap();
    assert!(block_on(loading.refresh_async("MTNVTU")).unwrap());
    DECODERS.lock().clear();
    block_on(tasks.recv().unwrap());
    let decoders = std::mem::take(&mut *DECODERS.lock());
    let is_worker = |thread: &Option<String>| thread.as_deref() == Some("larder-worker");
    assert!(!decoders.is_empty() && decoders.iter().all(is_worker), "{decoders:?}");
    until(|| one.get("MTNVTU").is_some_and(|value| value.0 == 101));
}

#[test]
fn the_answer_to_the_read_of_a_refresh_wakes_its_task_on_another_thread() {
    let (two, tasks) = two_nodes_that_spawn();
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
