//! Tests of transactions from async code.

use larder::testing::StallingDisk;
use larder::{Cache, Error, Transaction};

use crate::support::simulated::{open_swept, wait_until};
use crate::support::{Place, VERSIONS, watch_this_test};

#[test]
fn a_transaction_of_a_task_holds_no_worker_while_it_is_committed() {
    let _watch = watch_this_test();
    let (place, disk) = (Place::new(), StallingDisk::new());
    let cache = open_swept(place.builder().stalling_disk(&disk));
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
        // More tasks than there are workers wait for commits at the same time. If each of them held a worker,
        // the later bodies would not run while the disk is stalled.
        let many = (0..100).map(|key| {
            let versions = versions.clone();
            cache.transaction_async(move |tx| {
                tx.insert(&versions, &key, key)?;
                tx.remove(&versions, &(key + 1_000))
            })
        });
        let before = cache.stats().disk.unwrap().commits;
        disk.stall();
        let of_thread = versions.clone();
        let resumes = std::thread::spawn(move || {
            wait_until("every body has run", || of_thread.count() == 100);
            disk.resume();
        });
        for done in all_of(many.collect()).await {
            assert!(!done.unwrap());
        }
        resumes.join().unwrap();
        let commits = cache.stats().disk.unwrap().commits - before;
        assert!(commits < 40, "{commits} commits");
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
