//! Tests of registered loaders over a server, and of callers that wait for a load that stores nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::api::keyspace::load::Load;
use crate::api::keyspace::loading::policy::LoadPolicy;

/// Maximum number of loads between two calls of [`CountedSource::loads`]. Further loads fail, because a
/// caller that gets no answer would otherwise load forever.
const MAX_LOADS: u64 = 3;

#[derive(Clone, Default)]
struct CountedSource(Arc<AtomicU64>);

impl CountedSource {
    fn load(&self, value: Load<u64>) -> Result<Load<u64>, &'static str> {
        let loads = self.0.fetch_add(1, Ordering::SeqCst);
        if loads < MAX_LOADS { Ok(value) } else { Err("the loader runs again and again") }
    }

    fn loads(&self) -> u64 {
        self.0.swap(0, Ordering::SeqCst)
    }
}

fn ends_with(key: &str) -> Load<u64> {
    match key {
        "ABSENT" => Load::Absent,
        "PRIVATE" => Load::DoNotCache(Arc::new(100)),
        _ => Load::Cache(Arc::new(100)),
    }
}

const ENDS: [(&str, Option<u64>); 3] = [("MTNVTU", Some(100)), ("ABSENT", None), ("PRIVATE", Some(100))];

#[test]
fn a_registered_loader_with_a_timeout_runs_once_for_its_caller() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let source = CountedSource::default();
    let policy = LoadPolicy::new().hard_timeout(60 * SECOND);
    let counted = source.clone();
    let other = other.with_loader(policy, move |key, _| counted.load(ends_with(key))).unwrap();
    for (key, value) in ENDS {
        let update = one.begin_update(key).unwrap();
        assert_eq!(other.get(key).unwrap().value.as_deref(), value.as_ref(), "{key} is being updated");
        assert_eq!(source.loads(), 1, "{key} is being updated");
        update.finish();
        assert_eq!(other.get(key).unwrap().value.as_deref(), value.as_ref());
        assert_eq!(source.loads(), 1, "{key}");
    }
    assert_eq!(two.server.records(), 1);
}

#[cfg(feature = "async")]
#[test]
fn a_registered_asynchronous_loader_runs_once_for_its_caller() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let source = CountedSource::default();
    for policy in [LoadPolicy::new(), LoadPolicy::new().hard_timeout(60 * SECOND)] {
        let counted = source.clone();
        let load = move |key: String, _| {
            let counted = counted.clone();
            async move { counted.load(ends_with(&key)) }
        };
        let other = other.with_async_loader(policy, load).unwrap();
        for (key, value) in ENDS {
            let update = one.begin_update(key).unwrap();
            let loaded = pollster::block_on(other.get_async(key)).unwrap();
            assert_eq!(loaded.value.as_deref(), value.as_ref(), "{key} is being updated");
            assert_eq!(source.loads(), 1, "{key} is being updated");
            update.finish();
            let loaded = pollster::block_on(other.get_async(key)).unwrap();
            assert_eq!((loaded.value.as_deref(), source.loads()), (value.as_ref(), 1), "{key}");
        }
        _ = one.remove("MTNVTU").unwrap();
    }
}

#[test]
fn all_callers_that_wait_get_the_end_of_a_load_that_stores_nothing() {
    const WAITERS: u64 = 4;
    let two = two_nodes();
    let [one, _] = two.prices();
    let source = CountedSource::default();
    for (key, value) in [("ABSENT", None), ("PRIVATE", Some(100))] {
        let misses = one.stats().misses;
        std::thread::scope(|threads| {
            let get = || {
                one.get_or_load_with(key, |_| {
                    while one.stats().misses < misses + WAITERS {
                        std::thread::yield_now();
                    }
                    source.load(ends_with(key))
                })
            };
            let callers: Vec<_> = (0..WAITERS).map(|_| threads.spawn(get)).collect();
            for caller in callers {
                assert_eq!(caller.join().unwrap().unwrap().value.as_deref(), value.as_ref());
            }
        });
        assert_eq!(source.loads(), 1, "{key}");
    }
}
