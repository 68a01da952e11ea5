//! Tests of transactions from async code.

use larder::{Cache, Error, Transaction};

use crate::support::{Place, VERSIONS};

#[test]
fn a_transaction_of_a_task_holds_no_worker_while_it_is_committed() {
    let place = Place::new();
    let cache = place.open();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let local = Cache::builder().open().unwrap();
    let in_memory = local.keyspace(VERSIONS).unwrap();
    smol::block_on(async {
        for (cache, versions) in [(&cache, &versions), (&local, &in_memory)] {
            let watch = versions.watch_async(&1).await.unwrap();
            let of_task = versions.clone();
            let store = move |tx: &mut Transaction<'_>| {
                tx.require(&watch)?;
                tx.insert(&of_task, &1, 10)?;
                tx.remove(&of_task, &2)
            };
            assert!(!cache.transaction_async(store.clone()).await.unwrap());
            assert!(matches!(cache.transaction_async(store).await, Err(Error::Changed)));
            assert_eq!((versions.get(&1).as_deref(), versions.get(&2)), (Some(&10), None));
        }
        assert_eq!(
            cache.stats().unsaved_bytes.as_u64(),
            0,
            "the removal was committed, and the value with it"
        );
        // More tasks than there are workers wait for commits at the same time.
        let many = (0..100).map(|key| {
            let versions = versions.clone();
            cache.transaction_async(move |tx| {
                tx.insert(&versions, &key, key)?;
                tx.remove(&versions, &(key + 1_000))
            })
        });
        let before = cache.stats().disk.unwrap().commits;
        for done in all_of(many.collect()).await {
            assert!(!done.unwrap());
        }
        assert!(cache.stats().disk.unwrap().commits <= before + 100);
    });
    assert_eq!(versions.count(), 100);
}

/// Polls all futures until each is ready. Returns their outputs.
async fn all_of<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(move |context| {
        for (future, output) in &mut futures {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if futures.iter().any(|(_, output)| output.is_none()) {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(futures.iter_mut().filter_map(|(_, output)| output.take()).collect())
    })
    .await
}
