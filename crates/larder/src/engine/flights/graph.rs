//! The wait graph: which loader or thread waits for which flight. It detects cycles of waits, with the steps
//! of [`super`].

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::sys::process::Process;
use crate::sys::sync::thread::ThreadId;
use crate::sys::sync::{Arc, AtomicSnapshot, Mutex, process_static};
#[cfg(feature = "async")]
use crate::sys::sync::{AtomicU64, Ordering};

/// A node of the graph. It may run the loader of a flight, and may wait for another flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Waiter {
    /// A thread, which waits by blocking.
    Thread(ThreadId),
    /// An asynchronous loader. Any task may poll it.
    #[cfg(feature = "async")]
    Load(LoadId),
}

/// Identifies a load with an asynchronous loader. A load of several keys has several flights with the same
/// id.
#[cfg(feature = "async")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LoadId(u64);

#[cfg(feature = "async")]
process_static! {
    static LAST_LOAD: AtomicU64 = AtomicU64::new(0);
}

#[cfg(feature = "async")]
impl LoadId {
    pub(crate) fn next() -> Self {
        Self(LAST_LOAD.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

pub(super) trait Waitable: std::fmt::Debug + Send + Sync {
    /// Returns the waiter that runs the loader of the flight, if it is known.
    fn leader(&self) -> Option<Waiter>;

    fn has_landed(&self) -> bool;
}

/// The waiters that a single wait blocks.
#[cfg(feature = "async")]
pub(super) type Waiters = SmallVec<[Waiter; 2]>;

#[derive(Debug)]
pub(super) struct WaitGraph {
    /// The process of these waits. A forked child creates a new graph, because the lock of its parent's graph
    /// may be held forever.
    process: Process,
    waits: Mutex<Waits>,
}

/// The flights that each waiter waits for. An asynchronous loader may wait for several flights.
type Waits = HashMap<Waiter, SmallVec<[Arc<dyn Waitable>; 1]>>;

process_static! {
    /// The wait graph of this process, or of its parent if nothing has waited since the fork.
    static GRAPH: AtomicSnapshot<WaitGraph> = AtomicSnapshot::empty();
}

impl WaitGraph {
    /// Returns the graph of the calling process. A forked child begins with an empty graph, because the
    /// waiting threads do not exist in the child.
    pub(super) fn current() -> Arc<Self> {
        loop {
            if let Some(graph) = &*GRAPH.load()
                && graph.process.is_current()
            {
                return graph.clone();
            }
            GRAPH.update(|graph| match graph {
                Some(graph) if graph.process.is_current() => Some(graph.clone()),
                _ => Some(Arc::new(Self { process: Process::current(), waits: Mutex::default() })),
            });
        }
    }

    /// Runs steps 1 and 2: adds a wait for a flight, unless the wait would never end. Returns whether the
    /// wait was added.
    pub(super) fn enter(&self, waiters: &[Waiter], flight: &Arc<dyn Waitable>) -> bool {
        let mut waits = self.waits.lock();
        if leads_to(&waits, flight, waiters) {
            return false;
        }
        for waiter in waiters {
            waits.entry(*waiter).or_default().push(flight.clone());
        }
        true
    }

    /// Removes a wait (step 4). The caller still owns the flight, so its outcome is not dropped under the
    /// lock.
    pub(super) fn leave(&self, waiters: &[Waiter], flight: &Arc<dyn Waitable>) {
        let mut waits = self.waits.lock();
        for waiter in waiters {
            let Some(flights) = waits.get_mut(waiter) else { continue };
            if let Some(at) = flights.iter().position(|other| address(other) == address(flight)) {
                flights.swap_remove(at);
            }
            if flights.is_empty() {
                waits.remove(waiter);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn contains(&self, waiter: Waiter) -> bool {
        self.waits.lock().contains_key(&waiter)
    }
}

/// Returns whether a flight can't end before one of `waiters` stops waiting.
fn leads_to(waits: &Waits, flight: &Arc<dyn Waitable>, waiters: &[Waiter]) -> bool {
    let mut visited: SmallVec<[usize; 4]> = SmallVec::new();
    let mut next: SmallVec<[&Arc<dyn Waitable>; 4]> = SmallVec::new();
    next.push(flight);
    while let Some(flight) = next.pop() {
        if visited.contains(&address(flight)) || flight.has_landed() {
            continue;
        }
        visited.push(address(flight));
        let Some(leader) = flight.leader() else { continue };
        if waiters.contains(&leader) {
            return true;
        }
        next.extend(waits.get(&leader).into_iter().flatten());
    }
    false
}

fn address(flight: &Arc<dyn Waitable>) -> usize {
    Arc::as_ptr(flight).addr()
}
