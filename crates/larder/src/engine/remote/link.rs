//! The cache's side of the remote tier: sends requests, and waits for their answers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::fences::Fences;
use super::push_waits::PushWaits;
use super::sent_uses::SentUses;
use super::slot_leases::SlotLeases;
use crate::error::Error;
use crate::error::remote_error::RemoteError;
use crate::remote::reply::{RemoteAnswer, RemoteReply, RemoteResult, reply};
use crate::remote::tier::RemoteTier;
use crate::remote::validity::Validity;
use crate::sys::at_once::may_suspend;
use crate::sys::clock::cache_time::CacheTime;
use crate::sys::process::Process;
#[cfg(any(test, feature = "test-util"))]
use crate::sys::sync::RwLock;
use crate::sys::sync::{Arc, AtomicU64, Ordering, StatisticU64, key_seeds};
#[cfg(feature = "async")]
use crate::sys::waker_thread::before_blocking;

#[derive(Debug)]
pub(crate) struct RemoteLink {
    pub(crate) tier: Arc<dyn RemoteTier>,
    pub(crate) validity: Arc<Validity>,
    /// Whether the validity and the cache's time have the same source of time. Then a reading of the clock
    /// of the validity also bounds the cache's time.
    pub(crate) has_one_clock: bool,
    pub(crate) waits: PushWaits,
    pub(crate) fences: Fences,
    pub(crate) uses: Arc<SentUses>,
    pub(crate) leases: SlotLeases,
    process: Process,
    /// This lock is held shared while the tier's thread drops near copies. A close does not wait for that
    /// thread, so the checks of the counters take the lock exclusively.
    #[cfg(any(test, feature = "test-util"))]
    pub(in crate::engine) drops: RwLock<()>,
    /// The number of requests of lookups, loads and iterations that got no answer.
    failures: StatisticU64,
    /// The seed and the counter of [`unique`](Self::unique).
    seed: u64,
    writes: AtomicU64,
}

impl RemoteLink {
    pub(crate) fn new(tier: Arc<dyn RemoteTier>, time: &CacheTime, process: Process) -> Self {
        let [seed, ..] = key_seeds();
        // In a test, two caches of a process may have the same seeds.
        let seed = seed ^ (Arc::as_ptr(&tier).addr() as u64);
        let (failures, writes) = (StatisticU64::new(0), AtomicU64::new(0));
        let validity = tier.validity();
        Self {
            has_one_clock: validity.is_on(time.manual_clock()),
            validity,
            tier,
            waits: PushWaits::default(),
            fences: Fences::default(),
            uses: Arc::default(),
            leases: SlotLeases::default(),
            process,
            #[cfg(any(test, feature = "test-util"))]
            drops: RwLock::new(()),
            failures,
            seed,
            writes,
        }
    }

    /// Returns a unique number for a write, so that equal bytes of a record mean an unchanged slot. The
    /// number has 64 random bits, so two writes of a key have the same number with a probability of 2⁻⁶⁴.
    pub(crate) fn unique(&self) -> u64 {
        // Relaxed, because the counter only needs to be different each time.
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        xxh3_64_with_seed(&number.to_le_bytes(), self.seed)
    }

    /// Passes a request to the tier. In a forked child, the answer is an error, because the connection
    /// belongs to the parent.
    pub(crate) fn begin<T>(&self, request: impl FnOnce(&dyn RemoteTier, RemoteReply<T>)) -> RemoteAnswer<T> {
        let (sender, answer) = reply();
        if self.process.is_current() {
            request(&*self.tier, sender);
        }
        answer
    }

    /// Passes a request to the tier. The returned future waits for its answer, and blocks the thread in
    /// [`at_once`](crate::sys::at_once::at_once). The caller must hold no lock.
    pub(crate) fn answer_to<T>(
        &self,
        request: impl FnOnce(&dyn RemoteTier, RemoteReply<T>),
    ) -> AwaitedAnswer<T> {
        AwaitedAnswer::from(self.begin(request))
    }

    /// Passes a request to the tier, and waits for its answer on the calling thread. The caller must hold no
    /// lock.
    pub(crate) fn ask<T>(&self, request: impl FnOnce(&dyn RemoteTier, RemoteReply<T>)) -> RemoteResult<T> {
        self.wait(self.begin(request))
    }

    /// Waits for an answer. The caller must hold no lock.
    #[expect(clippy::unused_self, reason = "the link is what is waited for")]
    pub(crate) fn wait<T>(&self, answer: RemoteAnswer<T>) -> RemoteResult<T> {
        block_on_answer(answer)
    }

    /// Returns the answer to a request of a lookup, a load or an iteration. If there is no answer, counts a
    /// failure and returns `None`.
    pub(crate) fn count<T>(&self, answer: RemoteResult<T>) -> Option<T> {
        answer.map_err(|error| self.count_failure(&error)).ok()
    }

    #[cold]
    fn count_failure(&self, error: &RemoteError) {
        // Only the first failure is logged, because later ones probably have the same cause.
        if self.failures.fetch_add(1, Ordering::Relaxed) == 0 {
            let server = self.tier.name();
            tracing::warn!(server, %error, "a lookup at the remote tier failed, and is a miss; later ones are counted");
        }
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    #[cold]
    pub(crate) fn error(&self, action: &'static str, cause: RemoteError) -> Error {
        Error::Remote { action, server: self.tier.name(), cause }
    }
}

fn block_on_answer<T>(answer: RemoteAnswer<T>) -> RemoteResult<T> {
    #[cfg(feature = "async")]
    before_blocking();
    answer.wait()
}

/// The wait of an async function for an answer. It suspends the function, or blocks the thread
/// ([`crate::sys::at_once`]).
#[derive(Debug)]
#[must_use = "the answer is lost if no caller waits for it"]
pub(crate) struct AwaitedAnswer<T>(Option<RemoteAnswer<T>>);

impl<T> From<RemoteAnswer<T>> for AwaitedAnswer<T> {
    fn from(answer: RemoteAnswer<T>) -> Self {
        // The waker belongs to a worker task.
        Self(Some(answer.woken_by_sender()))
    }
}

impl<T> Future for AwaitedAnswer<T> {
    type Output = RemoteResult<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<RemoteResult<T>> {
        if may_suspend()
            && let Some(answer) = &mut self.0
        {
            return Pin::new(answer).poll(context);
        }
        self.0.take().map_or(Poll::Pending, |answer| Poll::Ready(block_on_answer(answer)))
    }
}
