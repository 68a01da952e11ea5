//! Tests of the generator, of the judge, and of the table.

use std::fs;
use std::path::Path;

use larder::{Cache, Format, KeyspaceDefinition};

use crate::generated::{self, Any};
use crate::generator;
use crate::judge::{Judge, VALUES};
use crate::table;

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

/// Returns up to nine of these texts.
fn some(all: &[String]) -> &[String] {
    &all[..all.len().min(9)]
}

#[test]
fn each_value_in_each_format_comes_back_or_is_refused() {
    let mut judge = Judge::default();
    generated::all(&mut judge);
    crate::real::all(&mut judge);
    println!("{}\n{}", judge.report(), table::of(&judge));
    assert!(judge.wrong.is_empty(), "{} wrong: {:#?}", judge.wrong.len(), some(&judge.wrong));
    assert!(judge.mute.is_empty(), "{} refused without advice: {:#?}", judge.mute.len(), some(&judge.mute));
    assert!(judge.wrong_in_a_release.is_empty(), "{:#?}", judge.wrong_in_a_release);
    for (row, format) in judge.wrong_past_the_door.keys() {
        assert!(
            table::LOOK_ALIKES.contains(&(*row, format.as_str())),
            "without its check {format} gives other values for {row}"
        );
    }
    let with_losses = judge.rows.iter().filter(|(_, formats)| formats.iter().any(|counts| counts.lost > 0));
    assert_eq!(with_losses.map(|(row, _)| *row).collect::<Vec<_>>(), table::OWN_LOSSES);
    let guide = fs::read_to_string(root().join("docs/guide.md")).unwrap();
    let table = table::of(&judge);
    assert!(guide.contains(&table), "docs/guide.md has another table than this:\n{table}");
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn the_contract_lists_what_types_lose_by_their_own_word() {
    let contract = fs::read_to_string(root().join("docs/contract.md")).unwrap();
    for row in table::OWN_LOSSES {
        let attribute = row.split("` ").next().unwrap().trim_matches('`');
        assert!(
            contract.contains(&format!("`{attribute}`")),
            "docs/contract.md does not speak of {attribute}"
        );
    }
}

/// The judge must find a type that loses a field without declaring the loss.
#[test]
fn a_value_that_comes_back_as_another_is_found() {
    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    struct Forgets {
        kept: u8,
        #[serde(skip)]
        forgotten: u8,
    }
    crate::content::content!(struct Forgets { kept, forgotten });
    use crate::content::{Content, Maker};
    let mut judge = Judge::default();
    judge.values_of::<Forgets>("Forgets", "planted");
    assert!(judge.wrong.iter().any(|wrong| wrong.contains("planted")), "{:#?}", judge.report());
    assert!(!judge.wrong_in_a_release.is_empty() && !judge.wrong_past_the_door.is_empty());
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
