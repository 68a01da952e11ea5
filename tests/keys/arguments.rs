//! Tests that calls accept keys by value and by reference.
//!
//! The main check is that these tests compile: each keyspace is called with several forms of a key.

#![expect(clippy::cloned_ref_to_slice_refs, reason = "the forms are those that a caller may have")]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use larder::{Any, Cache, InsertOptions, Key, Keyspace, KeyspaceDefinition};

fn open<K: Key>(cache: &Cache, name: &'static str) -> Keyspace<K, u64> {
    cache.keyspace(KeyspaceDefinition::new(name)).unwrap()
}

/// Makes calls that take a key, with the key in one form. The macro repeats the form in each call, as a
/// caller would write it.
macro_rules! every_call {
    ($cache:expr, $keys:expr, $form:expr) => {{
        let keys = &$keys;
        keys.insert($form, 1_u64).unwrap();
        keys.insert_with($form, 2, InsertOptions::new().ttl(Duration::from_mins(1))).unwrap();
        assert_eq!(keys.get($form).as_deref(), Some(&2));
        assert_eq!(keys.peek($form).as_deref(), Some(&2));
        assert!(keys.contains_key($form));
        assert!(keys.ttl($form).unwrap() > Duration::from_secs(50));
        assert!(keys.touch($form).unwrap());
        assert!(keys.remove($form).unwrap());
        assert_eq!(*keys.get_or_load($form, || Ok::<_, std::fmt::Error>(3_u64)).unwrap(), 3);
        keys.begin_update($form).unwrap().finish();
        assert!(!keys.contains_key($form));
        keys.insert($form, 4).unwrap();
        assert_eq!(keys.remove_many([$form, $form]).unwrap(), 1);
        keys.insert($form, 5).unwrap();
        assert_eq!(keys.remove_many(vec![$form]).unwrap(), 1);
        keys.insert($form, 6).unwrap();
        assert_eq!(keys.remove_many(&[$form]).unwrap(), 1);
        keys.insert($form, 7).unwrap();
        assert_eq!(keys.remove_many([$form].iter()).unwrap(), 1);
        keys.insert($form, 8).unwrap();
        let mut stale = $cache.invalidation();
        stale.remove(keys, $form).unwrap();
        assert_eq!(stale.commit().unwrap(), 1);
    }};
}

#[test]
fn a_text_key_is_taken_in_every_form() {
    let cache = Cache::builder().open().unwrap();
    let names = open::<String>(&cache, "name");
    let text = "a".to_owned();
    every_call!(cache, names, "a");
    every_call!(cache, names, &"a");
    every_call!(cache, names, &text);
    every_call!(cache, names, text.clone());
    every_call!(cache, names, text.as_str());
    every_call!(cache, names, format!("{text}"));
    every_call!(cache, names, &text[..]);
    every_call!(cache, names, Cow::Borrowed("a"));
    every_call!(cache, names, Arc::<str>::from("a"));
    every_call!(cache, names, text.clone().into_boxed_str());
    let shared = open::<Arc<str>>(&cache, "shared");
    every_call!(cache, shared, "a");
    every_call!(cache, shared, &text);
    every_call!(cache, shared, Arc::<str>::from("a"));
    every_call!(cache, shared, &Arc::<str>::from("a"));
}

#[test]
fn keys_of_bytes_and_of_fixed_width_are_taken_in_every_form() {
    let cache = Cache::builder().open().unwrap();
    let bytes = open::<Vec<u8>>(&cache, "bytes");
    every_call!(cache, bytes, b"ab");
    every_call!(cache, bytes, *b"ab");
    every_call!(cache, bytes, &b"ab"[..]);
    every_call!(cache, bytes, vec![1_u8, 2]);
    every_call!(cache, bytes, &vec![1_u8, 2]);
    let digests = open::<[u8; 4]>(&cache, "digest");
    every_call!(cache, digests, b"abcd");
    every_call!(cache, digests, [1, 2, 3, 4]);
    every_call!(cache, digests, &[1, 2, 3, 4]);
    let numbers = open::<u64>(&cache, "number");
    every_call!(cache, numbers, 7);
    every_call!(cache, numbers, &7);
    every_call!(cache, numbers, &mut 7);
    let signed = open::<i16>(&cache, "signed");
    every_call!(cache, signed, -7);
    let flags = open::<bool>(&cache, "flag");
    every_call!(cache, flags, true);
    every_call!(cache, flags, &true);
    let letters = open::<char>(&cache, "letter");
    every_call!(cache, letters, 'a');
    let only = open::<()>(&cache, "only");
    every_call!(cache, only, ());
    every_call!(cache, only, &());
}

#[test]
fn tuples_and_options_are_taken_in_every_form() {
    let cache = Cache::builder().open().unwrap();
    let pairs = open::<(String, u64)>(&cache, "pair");
    let (text, owned) = ("a".to_owned(), ("a".to_owned(), 7));
    every_call!(cache, pairs, ("a", 7));
    every_call!(cache, pairs, &("a", 7));
    every_call!(cache, pairs, ("a", &7));
    every_call!(cache, pairs, (&text, 7));
    every_call!(cache, pairs, (text.clone(), 7));
    every_call!(cache, pairs, &owned);
    every_call!(cache, pairs, owned.clone());
    let options = open::<Option<String>>(&cache, "option");
    every_call!(cache, options, Some("a"));
    every_call!(cache, options, &Some("a"));
    every_call!(cache, options, Some(&text));
    every_call!(cache, options, Some(text.clone()));
    every_call!(cache, options, None::<&str>);
    let nested = open::<(Option<String>, (bool, char))>(&cache, "nested");
    every_call!(cache, nested, (Some("a"), (true, 'a')));
    every_call!(cache, nested, &(None::<String>, (&true, 'a')));
}

#[test]
fn remove_many_takes_any_collection_and_any_iterator_of_keys() {
    let cache = Cache::builder().open().unwrap();
    let names = open::<String>(&cache, "name");
    let owned = ["a".to_owned(), "b".to_owned()];
    let fill = || names.insert("a", 1).and_then(|()| names.insert("b", 2)).unwrap();
    let mut rounds = 0;
    let mut both_are_removed = |removed: Result<u64, larder::Error>| {
        assert_eq!(removed.unwrap(), 2, "round {rounds}");
        rounds += 1;
        fill();
    };
    fill();
    both_are_removed(names.remove_many(["a", "b"]));
    both_are_removed(names.remove_many(&["a", "b"]));
    both_are_removed(names.remove_many(vec!["a", "b"]));
    both_are_removed(names.remove_many(&owned));
    both_are_removed(names.remove_many(owned.iter()));
    both_are_removed(names.remove_many(&owned[..]));
    both_are_removed(names.remove_many(owned.clone()));
    both_are_removed(names.remove_many(owned.to_vec()));
    both_are_removed(names.remove_many(&owned.to_vec()));
    both_are_removed(names.remove_many(HashSet::from(owned.clone())));
    both_are_removed(names.remove_many(&HashSet::from(owned.clone())));
    both_are_removed(names.remove_many(BTreeMap::from([("a", 1), ("b", 2)]).keys()));
    both_are_removed(names.remove_many(BTreeMap::from([("a", 1), ("b", 2)]).into_keys()));
    both_are_removed(names.remove_many("a,b".split(',')));
    both_are_removed(names.remove_many(('a'..'c').map(String::from)));
    both_are_removed(names.remove_many(names.keys()));
    both_are_removed(names.remove_many(Some("a").into_iter().chain(["b"])));

    let numbers = open::<u64>(&cache, "number");
    (0..10).for_each(|number| numbers.insert(number, number).unwrap());
    assert_eq!(numbers.remove_many(0..3).unwrap(), 3);
    assert_eq!(numbers.remove_many([3, 4]).unwrap(), 2);
    assert_eq!(numbers.remove_many(&[5, 6]).unwrap(), 2);
    assert_eq!(numbers.remove_many([&7, &8]).unwrap(), 2);

    let pairs = open::<(String, u64)>(&cache, "pair");
    pairs.insert(("a", 1), 1).unwrap();
    assert_eq!(pairs.remove_many([("a", 1), ("a", 2)]).unwrap(), 1);
}

#[test]
fn a_prefix_is_taken_in_every_form() {
    let cache = Cache::builder().open().unwrap();
    let names = open::<String>(&cache, "name");
    let text = "a".to_owned();
    let is_one = |removed: Result<u64, larder::Error>| {
        assert_eq!(removed.unwrap(), 1);
        names.insert("ab", 1).unwrap();
    };
    names.insert("ab", 1).unwrap();
    is_one(names.remove_prefix("a"));
    is_one(names.remove_prefix(&"a"));
    is_one(names.remove_prefix(&text));
    is_one(names.remove_prefix(text.clone()));
    is_one(names.remove_prefix(&text[..]));
    is_one(names.remove_prefix(format!("{text}b")));

    let pairs = open::<(String, u64)>(&cache, "pair");
    let is_one = |removed: Result<u64, larder::Error>| {
        assert_eq!(removed.unwrap(), 1);
        pairs.insert(("a", 1), 1).unwrap();
    };
    pairs.insert(("a", 1), 1).unwrap();
    is_one(pairs.remove_prefix(("a",)));
    is_one(pairs.remove_prefix(&("a",)));
    is_one(pairs.remove_prefix((&text,)));
    is_one(pairs.remove_prefix((text.clone(),)));
    is_one(pairs.remove_prefix(&(text.clone(),)));
    let mut stale = cache.invalidation();
    stale.remove_prefix(&pairs, ("a",)).remove_prefix(&pairs, &("a",)).remove_prefix(&names, "a");
    assert_eq!(stale.commit().unwrap(), 2);

    let bytes = open::<Vec<u8>>(&cache, "bytes");
    let digests = open::<[u8; 4]>(&cache, "digest");
    bytes.insert(b"ab", 1).unwrap();
    digests.insert(b"abcd", 1).unwrap();
    assert_eq!(bytes.remove_prefix(b"b").unwrap() + bytes.remove_prefix(vec![b'b']).unwrap(), 0);
    assert_eq!(bytes.remove_prefix(&b"a"[..]).unwrap(), 1);
    assert_eq!(digests.remove_prefix(b"b").unwrap() + digests.remove_prefix(b"abcde").unwrap(), 0);
    assert_eq!(digests.remove_prefix(&b"ab"[..]).unwrap(), 1);

    let options = open::<Option<String>>(&cache, "option");
    options.insert(Some("ab"), 1).unwrap();
    options.insert(None::<&str>, 1).unwrap();
    assert_eq!(options.remove_prefix(Some("a")).unwrap(), 1);
    assert_eq!(options.remove_prefix(&None::<&str>).unwrap(), 1);
}

#[test]
fn a_pattern_is_taken_in_every_form() {
    let cache = Cache::builder().open().unwrap();
    let keys = open::<(u64, String, Option<bool>)>(&cache, "key");
    let text = "a".to_owned();
    let is_one = |removed: Result<u64, larder::Error>| {
        assert_eq!(removed.unwrap(), 1);
        keys.insert((7, "a", Some(true)), 1).unwrap();
    };
    keys.insert((7, "a", Some(true)), 1).unwrap();
    keys.insert((8, "b", None::<bool>), 1).unwrap();
    is_one(keys.remove_matching((Any, "a", Any)));
    is_one(keys.remove_matching(&(Any, "a", Any)));
    is_one(keys.remove_matching((Any, &text, Any)));
    is_one(keys.remove_matching((Any, text.clone(), Any)));
    is_one(keys.remove_matching((7, Any, Any)));
    is_one(keys.remove_matching((&7, Any, Any)));
    is_one(keys.remove_matching((Any, Any, Some(true))));
    is_one(keys.remove_matching((Any, Any, &Some(true))));
    let mut stale = cache.invalidation();
    stale.remove_matching(&keys, (7, Any, Any)).unwrap().remove_matching(&keys, &(Any, "b", Any)).unwrap();
    assert_eq!(stale.commit().unwrap(), 2);
}
