//! Streams over the entries of a keyspace.
//!
//! A worker thread creates the iterator of [`crate::api::keyspace::iterate`], and takes [`CHUNK`] items
//! from it at a time. Between two chunks, a stream occupies no worker thread and holds no snapshot. In a
//! remote tier, a worker task reads the chunk ([`crate::sys::offload::worker_task`]), so a stream occupies
//! no thread while it waits for the server.
//!
//! If a stream is dropped, the chunk that is being read ends before its next item, and before its next
//! request to a server ([`WalkCaller`]). A walk takes no lease, so the server keeps nothing of it. Otherwise
//! a task that drops one stream after another could have any number of walks in progress, each with all keys
//! of the keyspace.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use crate::api::keyspace::iterate::{Iter, Keys};
use crate::api::keyspace::remote::scan::WalkCaller;
use crate::format::key::Key;
use crate::sys::at_once::at_once;
use crate::sys::offload::worker_task::submit_task;
use crate::sys::offload::{JobResult, submit};
use crate::sys::sync::Arc;
use crate::sys::user_code::drop_caught;

/// Maximum number of items that a worker thread reads at a time.
const CHUNK: usize = 64;

/// A stream of the live entries of a keyspace, in key order. Returned by [`Keyspace::iter_async`].
#[must_use = "a stream does nothing unless it is polled"]
pub struct EntryStream<K, V>(Chunks<Iter<K, V>, (K, Arc<V>)>);

/// A stream of the keys of the live entries of a keyspace, in order. Returned by [`Keyspace::keys_async`].
#[must_use = "a stream does nothing unless it is polled"]
pub struct KeyStream<K, V>(Chunks<Keys<K, V>, K>);

/// An iterator of [`crate::api::keyspace::iterate`].
trait ChunkSource: Send + 'static {
    type Item: Send + 'static;

    fn next_item(&mut self) -> impl Future<Output = Option<Self::Item>> + Send;
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> ChunkSource for Iter<K, V> {
    type Item = (K, Arc<V>);

    fn next_item(&mut self) -> impl Future<Output = Option<Self::Item>> + Send {
        self.advance()
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> ChunkSource for Keys<K, V> {
    type Item = K;

    fn next_item(&mut self) -> impl Future<Output = Option<K>> + Send {
        self.advance()
    }
}

/// The iterator and its next items. If there are no items, the iterator is at its end.
type Chunk<I, T> = (I, ChunkItems<T>);

/// Items that no caller has taken yet. An item may have the last handle of a value. A panic of the value's
/// `Drop` is caught.
struct ChunkItems<T>(VecDeque<T>);

impl<T> Drop for ChunkItems<T> {
    fn drop(&mut self) {
        self.0.drain(..).for_each(drop_caught);
    }
}

/// An iterator that worker threads advance.
struct Chunks<I, T> {
    items: ChunkItems<T>,
    reading: Option<JobResult<Chunk<I, T>>>,
    /// Returns the iterator for the next chunk. For the first chunk, it creates the iterator.
    start: Option<Start<I>>,
    is_remote: bool,
    /// Dropped with the stream, so that the iterator ends.
    _caller: Arc<()>,
}

type Start<I> = Pin<Box<dyn Future<Output = I> + Send>>;

async fn read_chunk<I: ChunkSource>(start: Start<I>) -> Chunk<I, I::Item> {
    let mut iterator = start.await;
    // Held from the beginning, because a decoding of a later key may panic.
    let mut items = ChunkItems(VecDeque::new());
    while items.0.len() < CHUNK
        && let Some(item) = iterator.next_item().await
    {
        items.0.push_back(item);
    }
    (iterator, items)
}

impl<I: ChunkSource<Item = T>, T: Send + 'static> Chunks<I, T> {
    /// `begin` creates the iterator.
    fn new<S>(is_remote: bool, begin: impl FnOnce(WalkCaller) -> S) -> Self
    where
        S: Future<Output = I> + Send + 'static,
    {
        let (items, caller) = (ChunkItems(VecDeque::new()), Arc::new(()));
        let start = begin(WalkCaller::Stream(Arc::downgrade(&caller)));
        Self { items, reading: None, start: Some(Box::pin(start)), is_remote, _caller: caller }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            if let Some(item) = self.items.0.pop_front() {
                return Poll::Ready(Some(item));
            }
            if let Some(start) = self.start.take() {
                let read = read_chunk(start);
                self.reading =
                    Some(if self.is_remote { submit_task(read) } else { submit(move || at_once(read)) });
            }
            let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
            let read = ready!(Pin::new(reading).poll(context));
            self.reading = None;
            match read {
                Some(Ok((iterator, items))) if !items.0.is_empty() => {
                    self.items = items;
                    self.start = Some(Box::pin(std::future::ready(iterator)));
                }
                Some(Ok(_)) | None => return Poll::Ready(None),
                Some(Err(panic)) => resume_unwind(panic),
            }
        }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// The async form of [`iter`](Keyspace::iter). Returns a stream.
    ///
    /// Worker threads read the entries in chunks of 64. A chunk is read only after the previous chunk was
    /// consumed. If the stream is dropped, the reading ends with the current entry, or with the answer of the
    /// server to the request that is on its way.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// use smol::stream::StreamExt;
    ///
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert_many_async([("MTNVTU", 100), ("GLO", 90)]).await?;
    /// let entries: Vec<_> = prices.iter_async().map(|(product, price)| (product, *price)).collect().await;
    /// assert_eq!(entries, [("GLO".to_owned(), 90), ("MTNVTU".to_owned(), 100)]);
    /// assert_eq!(prices.keys_async().count().await, 2);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// Costs the same as [`iter`](Keyspace::iter), plus one round trip to a worker thread per 64 entries.
    pub fn iter_async(&self) -> EntryStream<K, V> {
        let keyspace = self.clone();
        let begin = |caller| async move { keyspace.begin_iter(caller).await };
        EntryStream(Chunks::new(self.is_remote(), begin))
    }

    /// The async form of [`keys`](Keyspace::keys). Returns a stream. [`iter_async`](Keyspace::iter_async) has
    /// an example.
    ///
    /// # Cost
    /// Costs the same as [`keys`](Keyspace::keys), plus one round trip to a worker thread per 64 keys.
    pub fn keys_async(&self) -> KeyStream<K, V> {
        let keyspace = self.clone();
        let begin = |caller| async move { keyspace.begin_keys(caller).await };
        KeyStream(Chunks::new(self.is_remote(), begin))
    }
}

// No item is ever pinned, because each item is moved out of the chunk.
impl<K, V> Unpin for EntryStream<K, V> {}
impl<K, V> Unpin for KeyStream<K, V> {}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Stream for EntryStream<K, V> {
    type Item = (K, Arc<V>);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(context)
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Stream for KeyStream<K, V> {
    type Item = K;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(context)
    }
}

/// Omits the keys, because a key may be a secret.
impl<K, V> fmt::Debug for EntryStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryStream").finish_non_exhaustive()
    }
}

/// Omits the keys, because a key may be a secret.
impl<K, V> fmt::Debug for KeyStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStream").finish_non_exhaustive()
    }
}
