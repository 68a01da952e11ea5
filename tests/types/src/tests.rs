//! The tests.

use std::fs;
use std::path::Path;

use larder::{Cache, Format, KeyspaceDefinition};

use crate::generated::{self, Any};
use crate::generator;
use crate::judge::{Judge, VALUES};

#[test]
fn the_types_are_those_of_the_generator() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/generated");
    let sources = generator::sources(generator::SEED);
    for (name, text) in &sources {
        let found = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(found == *text, "{name} is another one; run `cargo run -p larder-types --bin generate`");
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), sources.len(), "there are files that nothing wrote");
}

#[test]
fn each_value_in_each_format_comes_back_or_is_refused() {
    let mut judge = Judge::default();
    generated::all(&mut judge);
    crate::real::all(&mut judge);
    println!("{}", judge.report());
    assert!(judge.wrong.is_empty(), "{} wrong: {:#?}", judge.wrong.len(), &judge.wrong[..judge.wrong.len().min(9)]);
    assert!(judge.mute.is_empty(), "{} refusals without advice: {:#?}", judge.mute.len(), &judge.mute[..judge.mute.len().min(9)]);
}

#[test]
fn a_cache_gives_back_what_it_took_from_its_file_and_from_a_reopened_one() {
    const BINCODE: KeyspaceDefinition<u64, Any> = KeyspaceDefinition::new("bincode");
    const MESSAGE_PACK: KeyspaceDefinition<u64, Any> =
        KeyspaceDefinition::new("message_pack").format(Format::MessagePack);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("types.larder");
    let open = || Cache::builder().path(&path).memory_capacity(64 << 10).open().unwrap();
    let mut cache = open();
    let value = |key: u64| {
        let makers = Any::MAKERS.len() as u64;
        Any::MAKERS[usize::try_from(key % makers).unwrap()](key / makers)
    };
    let all = VALUES / 3 * Any::MAKERS.len() as u64;
    for definition in [BINCODE, MESSAGE_PACK] {
        let space = cache.keyspace(definition).unwrap();
        let taken: Vec<u64> = (0..all).filter(|key| space.insert(key, value(*key)).is_ok()).collect();
        assert!(taken.len() > usize::try_from(all).unwrap() / 2, "only {} of {all}", taken.len());
        drop(space);
        for round in ["before", "after"] {
            let space = cache.keyspace(definition).unwrap();
            for key in &taken {
                let value = value(*key);
                let read = space.get(key);
                let is_same = read.as_ref().is_some_and(|read| value.same(read));
                assert!(is_same, "{round} it was reopened: {read:?} in place of {value:?}");
            }
            assert!(cache.stats().keyspaces.iter().all(|space| space.undecodable == 0));
            drop(space);
            cache.close().unwrap();
            cache = open();
        }
    }
}
