//! Tests of transactions at the server.

use std::cell::Cell;
#[cfg(feature = "async")]
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::api::keyspace::transaction::Transaction;
use crate::format::codec::format::Format;
use crate::sys::clock::Clock;
use crate::units::ByteSize;

pub(super) const KEPT: KeyspaceDefinition<String, u64> =
    KeyspaceDefinition::new("kept").ttl(Duration::from_secs(10)).grace(Duration::from_mins(1));
pub(super) const TEXTS: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("text").format(Format::Raw);
const LONG: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("long");
/// More rounds than any transaction in these tests needs.
const MAX_ROUNDS: u32 = 20;

/// Runs a transaction, and returns its result and the number of its rounds.
pub(super) fn in_rounds<R>(
    cache: &Cache,
    mut body: impl FnMut(&mut Transaction<'_>, u32) -> Result<R, Error>,
) -> (Result<R, Error>, u32) {
    let mut rounds = 0;
    let result = cache.transaction(|tx| {
        rounds += 1;
        assert!(rounds < MAX_ROUNDS, "it does not end");
        body(tx, rounds)
    });
    (result, rounds)
}

fn sum(found: &[Option<Arc<u64>>]) -> u64 {
    found.iter().flatten().map(|value| **value).sum()
}

#[test]
fn a_transaction_changes_keys_of_several_keyspaces_with_one_request() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let package = two.caches[0].keyspace(PACKAGES).unwrap();
    one.insert_many([("MTNVTU", 100), ("GLO", 80)]).unwrap();
    assert_eq!(sum(&other.get_many(["MTNVTU", "GLO"])), 180);
    let asked = two.server.requests();
    let sold = two.caches[0].transaction(|tx| {
        let found = tx.get_many(&one, ["MTNVTU", "GLO", "AIRTEL", "GLO"])?;
        let found: Vec<_> = found.iter().map(Option::as_deref).collect();
        assert_eq!(found, [Some(&100), Some(&80), None, Some(&80)]);
        tx.insert(&one, "MTNVTU", 90)?;
        assert_eq!(tx.get(&one, "MTNVTU")?.as_deref(), Some(&90), "its own change");
        tx.insert(&package, &("MTNDATA", "1GB"), 300)?;
        assert!(tx.remove(&one, "GLO")? && !tx.contains_key(&one, "GLO")?);
        Ok::<_, Error>(10)
    });
    assert_eq!((sold.unwrap(), two.server.requests()), (10, asked + 2), "one to read, and one to change");
    let there = two.caches[1].keyspace(PACKAGES).unwrap();
    assert_eq!(other.get("MTNVTU").as_deref(), Some(&90));
    assert_eq!(there.get(&("MTNDATA", "1GB")).as_deref(), Some(&300));
    assert!(other.get("GLO").is_none() && one.get("GLO").is_none());
    let stats = one.stats();
    assert_eq!((stats.inserts, stats.invalidations, stats.disk_hits), (3, 1, 2));
    assert_eq!((stats.memory_hits, stats.misses), (0, 2), "AIRTEL in the transaction, and GLO after it");
}

#[test]
fn a_round_whose_keys_another_machine_changes_is_lost() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert_many([("MTNVTU", 100), ("GLO", 80)]).unwrap();
    let changes: [fn(&Keyspace<String, u64>); 4] = [
        |other| other.insert("MTNVTU", 100).unwrap(),
        |other| assert!(other.remove("MTNVTU").unwrap()),
        |other| other.insert("AIRTEL", 70).unwrap(),
        |other| assert_eq!(other.clear().unwrap(), 3),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let (racing, node) = (other.clone(), &two.nodes[0]);
        node.before_set(move || change(&racing));
        let (result, rounds) = in_rounds(&two.caches[0], |tx, _| {
            let found = tx.get_many(&one, ["MTNVTU", "AIRTEL"])?;
            tx.remove(&one, "AIRTEL")?;
            tx.insert(&one, "GLO", 1 + sum(&found))
        });
        result.unwrap();
        assert_eq!(rounds, 2, "change {at}");
        let expected = [101, 1, 171, 1][at];
        assert_eq!(other.get("GLO").as_deref(), Some(&expected), "change {at}");
        one.insert_many([("MTNVTU", 100), ("GLO", 80), ("AIRTEL", 0)]).unwrap();
        if at < 2 {
            one.remove("AIRTEL").unwrap();
        }
    }
}

#[test]
fn a_key_that_is_written_unread_loses_no_round() {
    let two = two_nodes();
    let [one, other] = two.prices();
    let racing = other.clone();
    two.nodes[0].before_set(move || racing.insert("MTNVTU", 70).unwrap());
    let (result, rounds) = in_rounds(&two.caches[0], |tx, _| tx.insert(&one, "MTNVTU", 90));
    result.unwrap();
    assert_eq!((rounds, other.get("MTNVTU").as_deref()), (1, Some(&90)));
}

#[test]
fn a_read_of_a_transaction_never_answers_from_a_near_copy() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert("MTNVTU", 100).unwrap();
    other.get("MTNVTU");
    two.server.hold_pushes(true);
    one.insert("MTNVTU", 120).unwrap();
    assert_eq!(other.get("MTNVTU").as_deref(), Some(&100), "the push is on its way");
    let (read, rounds) = in_rounds(&two.caches[1], |tx, _| tx.get(&other, "MTNVTU"));
    assert_eq!((read.unwrap().as_deref(), rounds), (Some(&120), 1));
    two.server.hold_pushes(false);
}

#[test]
fn reads_and_errors_without_changes_are_of_one_moment() {
    let two = two_nodes();
    let [one, other] = two.prices();
    for is_error in [false, true] {
        one.insert_many([("MTNVTU", 100), ("GLO", 100)]).unwrap();
        let (result, rounds) = in_rounds(&two.caches[0], |tx, round| {
            let first = tx.get(&one, "MTNVTU")?;
            if round == 1 {
                // The sum is 200 at every moment.
                let moved = two.caches[1].transaction(|tx| {
                    tx.insert(&other, "MTNVTU", 150)?;
                    tx.insert(&other, "GLO", 50)
                });
                moved.unwrap_or_else(|error: Error| panic!("{error}"));
            }
            let sum = sum(&[first, tx.get(&one, "GLO")?]);
            if is_error { Err(Error::UnknownKeyspace { name: sum.to_string() }) } else { Ok(sum) }
        });
        assert_eq!(rounds, 2);
        match result {
            Ok(sum) => assert!(sum == 200 && !is_error),
            Err(Error::UnknownKeyspace { name }) => assert!(name == "200" && is_error),
            Err(error) => panic!("{error}"),
        }
    }
}

/// The machine of the transaction looks up the key while the request is on its way. The pushes of the server
/// are late.
#[test]
fn the_own_machine_finds_the_changes_when_the_transaction_has_returned() {
    let two = two_nodes();
    let [one, _] = two.prices();
    one.insert("MTNVTU", 100).unwrap();
    two.server.hold_pushes(true);
    let racing = one.clone();
    two.nodes[0].before_set(move || assert_eq!(racing.get("MTNVTU").as_deref(), Some(&100)));
    two.caches[0].transaction(|tx| tx.insert(&one, "MTNVTU", 120)).unwrap();
    assert_eq!(one.get("MTNVTU").as_deref(), Some(&120));
    two.server.hold_pushes(false);
}

#[test]
fn a_transaction_voids_the_loads_of_its_keys_on_every_machine() {
    let two = two_nodes();
    let prices = two.prices();
    for loading in &prices {
        let loaded = loading.get_or_load("MTNVTU", || {
            two.caches[0].transaction(|tx| {
                assert!(!tx.remove(&prices[0], "MTNVTU")?);
                tx.insert(&prices[0], "GLO", 80)
            })?;
            Ok::<_, Error>(70_u64)
        });
        assert_eq!(*loaded.unwrap(), 70, "the caller gets its value");
        assert!(prices.iter().all(|prices| prices.get("MTNVTU").is_none()), "and no cache keeps it");
    }
}

#[test]
fn a_lost_connection_leaves_the_whole_transaction_or_none_of_it() {
    let two = two_nodes();
    let [one, other] = two.prices();
    for is_lost_before in [true, false] {
        two.nodes[0].hold_requests(is_lost_before);
        two.nodes[0].hold_stream(true);
        let (cache, keyspace) = (two.caches[0].clone(), one.clone());
        let changing = std::thread::spawn(move || {
            cache.transaction(|tx| {
                tx.insert(&keyspace, "MTNVTU", 100)?;
                tx.insert(&keyspace, "GLO", 80)
            })
        });
        until(|| two.nodes[0].is_sending() || two.nodes[0].held() > 0);
        two.nodes[0].lose();
        let failed = changing.join().unwrap();
        let Err(Error::Remote { cause, .. }) = failed else { panic!("{failed:?}") };
        assert!(cause.may_be_applied());
        two.nodes[0].hold_requests(false);
        two.nodes[0].hold_stream(false);
        two.nodes[0].connect();
        let found = other.get_many(["MTNVTU", "GLO"]);
        let found: Vec<_> = found.iter().map(Option::as_deref).collect();
        assert_eq!(found, if is_lost_before { [None, None] } else { [Some(&100), Some(&80)] });
    }
    two.nodes[0].lose();
    let read = two.caches[0].transaction(|tx| tx.get(&one, "MTNVTU"));
    assert!(matches!(read, Err(Error::Remote { .. })), "a read that fails is no miss");
}

#[test]
fn a_transaction_is_at_the_server_or_in_memory_but_not_in_both() {
    let two = two_nodes();
    let [one, _] = two.prices();
    let local = two.caches[0].keyspace(LOCAL).unwrap();
    let asked = two.server.requests();
    two.caches[0].transaction(|tx| tx.insert(&local, "MTNVTU", 100)).unwrap();
    assert_eq!((local.get("MTNVTU").as_deref(), two.server.requests()), (Some(&100), asked));
    let mixed = [true, false].map(|is_local_first| {
        two.caches[0].transaction(|tx| {
            if is_local_first {
                tx.insert(&local, "MTNVTU", 1)?;
                return tx.insert(&one, "MTNVTU", 1);
            }
            tx.insert(&one, "MTNVTU", 1)?;
            tx.get(&local, "MTNVTU").map(drop)
        })
    });
    for refused in mixed {
        let what = "a transaction that also uses a memory-only keyspace";
        assert!(matches!(&refused, Err(Error::NotRemote { what: is, .. }) if *is == what), "{refused:?}");
    }
    assert_eq!((local.get("MTNVTU").as_deref(), one.get("MTNVTU")), (Some(&100), None));
}

#[test]
fn a_transaction_that_is_too_large_changes_nothing() {
    let two = two_nodes();
    let [one, _] = two.prices();
    let long = two.caches[0].keyspace(LONG).unwrap();
    let keys = || (0..2_000).map(|number| format!("{number}"));
    let many = two.caches[0].transaction(|tx| tx.get_many(&one, keys()));
    assert!(matches!(many, Err(Error::GroupTooLarge { max, .. }) if max == "1024"));
    let insert = |values: u64, len: usize| {
        two.caches[0]
            .transaction(|tx| (0..values).try_for_each(|key| tx.insert(&long, &key, "7".repeat(len))))
    };
    let len = usize::try_from(ByteSize::mib(17).as_u64()).unwrap();
    let refused = insert(2, len);
    assert!(matches!(refused, Err(Error::GroupTooLarge { max, .. }) if max == "32 MiB"));
    assert_eq!(two.server.records(), 0);
    insert(1, 2 * len).unwrap();
    assert_eq!(long.peek(&0).map(|value| value.len()), Some(2 * len), "a single value, as for an insert");
}

#[test]
fn a_transaction_that_reads_too_many_bytes_is_refused() {
    let two = two_nodes();
    let long = two.caches[0].keyspace(LONG).unwrap();
    let len = usize::try_from(ByteSize::mib(17).as_u64()).unwrap();
    long.insert(&0, "7".repeat(len)).unwrap();
    long.insert(&1, "7".repeat(len)).unwrap();
    let refused = [
        two.caches[0].transaction(|tx| tx.get_many(&long, [&0, &1]).map(drop)),
        two.caches[0].transaction(|tx| (0..2).try_for_each(|key| tx.get(&long, &key).map(drop))),
        two.caches[0].transaction(|tx| (0..2).try_for_each(|key| tx.remove(&long, &key).map(drop))),
    ];
    for refused in refused {
        let Err(Error::GroupTooLarge { size, max, .. }) = &refused else { panic!("{refused:?}") };
        assert_eq!((size.as_str(), max.as_str()), ("34 MiB of values that were read", "32 MiB"));
    }
    assert_eq!(two.server.records(), 2);
    long.insert(&1, "7".repeat(2 * len)).unwrap();
    let read = two.caches[0].transaction(|tx| tx.get(&long, &1)).unwrap();
    assert_eq!(read.map(|text| text.len()), Some(2 * len), "a single value, as for a lookup");
}

#[test]
fn a_value_whose_grace_begins_during_the_round_is_no_longer_read() {
    let two = two_nodes();
    let kept = two.caches[0].keyspace(KEPT).unwrap();
    kept.insert("MTNVTU", 100).unwrap();
    let is_over = Cell::new(false);
    let (seen, rounds) = in_rounds(&two.caches[0], |tx, _| {
        let seen = tx.get(&kept, "MTNVTU")?;
        if !is_over.replace(true) {
            two.clock.advance(11 * SECOND);
        }
        tx.insert(&kept, "GLO", seen.as_deref().map_or(1, |seen| *seen))?;
        Ok(seen)
    });
    assert_eq!((seen.unwrap(), rounds), (None, 2));
    assert_eq!(kept.get("GLO").as_deref(), Some(&1));
    // A record in its grace is a miss in every round.
    let (seen, rounds) = in_rounds(&two.caches[0], |tx, _| {
        tx.insert(&kept, "GLO", 2)?;
        tx.get(&kept, "MTNVTU")
    });
    assert_eq!((seen.unwrap(), rounds), (None, 1));
}

#[test]
fn a_new_value_keeps_or_changes_the_life_of_the_entry() {
    let two = two_nodes();
    let kept = [0, 1].map(|node| two.caches[node].keyspace(KEPT).unwrap());
    kept[0].insert_many([("MTNVTU", 100), ("GLO", 80), ("AIRTEL", 70), ("9MOBILE", 60)]).unwrap();
    two.clock.advance(4 * SECOND);
    let changed = two.caches[0].transaction(|tx| {
        let keep = InsertOptions::new().ttl(Ttl::Keep);
        tx.insert_with(&kept[0], "MTNVTU", 101, keep)?;
        let six = Some(Remaining::For(6 * SECOND));
        assert_eq!((tx.ttl(&kept[0], "MTNVTU")?, tx.ttl(&kept[0], "AIRTEL")?), (six, six));
        tx.insert(&kept[0], "GLO", 81)?;
        assert!(tx.touch_with(&kept[0], "AIRTEL", Duration::from_secs(20))?);
        assert!(!tx.touch_with(&kept[0], "none", Duration::from_secs(20))?);
        tx.insert_with(&kept[0], "9MOBILE", 61, InsertOptions::new().ttl(Ttl::Until(two.clock.wall())))
    });
    changed.unwrap();
    let left = |key: &str| kept[1].ttl(key);
    let seconds = |seconds| Some(Remaining::For(seconds * SECOND));
    assert_eq!([left("MTNVTU"), left("GLO"), left("AIRTEL")], [seconds(6), seconds(10), seconds(20)]);
    assert_eq!((left("9MOBILE"), two.server.records()), (None, 3));
}

#[test]
fn a_transaction_in_the_raw_format_compares_the_values() {
    let two = two_nodes();
    let texts = [0, 1].map(|node| two.caches[node].keyspace(TEXTS).unwrap());
    texts[0].insert(&1, "100".to_owned()).unwrap();
    for (value, expected) in [("70", 2), ("100", 1)] {
        let racing = texts[1].clone();
        two.nodes[0].before_set(move || {
            racing.insert(&1, "0".to_owned()).unwrap();
            racing.insert(&1, value.to_owned()).unwrap();
        });
        let (result, rounds) = in_rounds(&two.caches[0], |tx, _| {
            let seen = tx.get(&texts[0], &1)?.map_or_else(String::new, |text| (*text).clone());
            tx.insert(&texts[0], &2, seen)?;
            tx.insert(&texts[0], &1, "100".to_owned())
        });
        result.unwrap();
        assert_eq!((rounds, texts[1].get(&2).as_deref().map(String::as_str)), (expected, Some(value)));
    }
}

#[cfg(feature = "async")]
#[test]
fn a_task_makes_a_transaction_at_the_server() {
    let two = two_nodes();
    let [one, other] = two.prices();
    pollster::block_on(async {
        let watch = one.watch_async("GLO").await.unwrap();
        let (of_task, required) = (one.clone(), watch.clone());
        let made = two.caches[0].transaction_async(move |tx| {
            tx.require(&required)?;
            let seen = tx.get(&of_task, "MTNVTU")?;
            tx.insert(&of_task, "GLO", seen.map_or(80, |seen| *seen))
        });
        made.await.unwrap();
        assert_eq!(other.get_async("GLO").await.as_deref(), Some(&80));
        let of_task = one.clone();
        two.caches[0].transaction_async(move |tx| tx.insert(&of_task, "GLO", 81)).await.unwrap();
        let broken = two.caches[0].transaction_async(move |tx| tx.require(&watch)).await;
        assert!(matches!(broken, Err(Error::Changed)));
    });
}

/// The closure panics if it gets a miss that no read has found.
#[cfg(feature = "async")]
#[test]
fn a_task_never_sees_a_miss_of_a_key_that_was_not_read() {
    let two = two_nodes();
    let [one, other] = two.prices();
    one.insert("MTNVTU", 80).unwrap();
    for (is_inline, expected) in [(false, 1), (true, 2)] {
        let rounds = Arc::new(AtomicU32::new(0));
        let (of_task, counted) = (one.clone(), rounds.clone());
        let _inline_calls = is_inline.then(|| two.caches[0].inline_calls());
        let made = two.caches[0].transaction_async(move |tx| {
            counted.fetch_add(1, Ordering::Relaxed);
            let seen = tx.get(&of_task, "MTNVTU")?.expect("it is always there");
            tx.insert(&of_task, "GLO", *seen)
        });
        pollster::block_on(made).unwrap();
        assert_eq!((rounds.load(Ordering::Relaxed), other.get("GLO").as_deref()), (expected, Some(&80)));
    }
}
