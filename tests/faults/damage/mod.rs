//! Tests all kinds of damage to a file, and the answers that the damaged file gives (contract 5).
//!
//! larder may move the file aside and make a new one, or refuse a file that it can't recognise. Otherwise
//! each lookup must return the right value or a miss. No trial may return a wrong value, panic, or end its
//! process. Therefore the trials run in child processes. A child runs many trials, and reports each trial
//! before the trial begins. The kinds of damage include files without a valid beginning: empty, cut to the
//! header, zeroed, or half made.

mod kinds;
pub(crate) mod trial;
mod truth;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use larder::{Cache, Error};
use redb::{Database, MultimapTableDefinition, TableDefinition};

use crate::support::child::Worker;
use crate::support::harness::Harness;
use crate::support::{Place, Random};
use kinds::KINDS;

/// Number of trials per child process.
const BATCH: usize = 25;

/// Number of trials by kind of damage and by outcome.
type Tally = BTreeMap<String, BTreeMap<String, u64>>;

#[derive(Debug)]
struct Wrong {
    seed: u64,
    why: String,
}

/// Runs trials in a child process. If `plant` names a fault, each trial plants it.
fn run_batch(images: &Path, seeds: &[u64], plant: &str, tally: &mut Tally) -> Result<(), Wrong> {
    let seeds_text: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let mut worker = Worker::start(&format!("damage {plant} {}", seeds_text.join(" ")), images);
    let (mut seed, mut kind) = (seeds[0], "nothing yet".to_owned());
    loop {
        let wrong = |why: String| Wrong { seed, why: format!("{kind}: {why}") };
        let line = worker.line_unless_hung().map_err(wrong)?;
        let Some(line) = line else {
            return Err(wrong("the process ended in the middle of it".to_owned()));
        };
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "will" => (seed, kind) = (words[1].parse().unwrap(), words[2].to_owned()),
            "did" => *tally.entry(kind.clone()).or_default().entry(words[2].to_owned()).or_default() += 1,
            "wrong" => return Err(wrong(words[2..].join(" "))),
            _ => return Ok(()),
        }
    }
}

fn images() -> Place {
    let place = Place::in_memory();
    truth::make_images(place.dir());
    place
}

#[test]
fn contract_5_any_damage_is_the_right_value_a_miss_or_a_quarantine() {
    let harness = Harness::new(
        "contract_5_any_damage_is_the_right_value_a_miss_or_a_quarantine",
        "LARDER_DAMAGES",
        2 * KINDS.len() as u64,
    );
    let (images, mut tally) = (images(), Tally::new());
    let plant = "none";
    let seeds: Vec<u64> = harness.seeds().collect();
    for batch in seeds.chunks(BATCH) {
        if let Err(Wrong { seed, why }) = run_batch(images.dir(), batch, plant, &mut tally) {
            let kept = std::env::temp_dir().join(format!("larder-damaged-{seed}.larder"));
            fs::copy(images.dir().join(trial::ON_TRIAL), &kept).unwrap();
            let kept = kept.display();
            harness.replayable(seed, || panic!("trial {seed}, {why}; the damaged file is kept: {kept}"));
        }
    }
    for (kind, outcomes) in &tally {
        eprintln!("{kind:>24}: {outcomes:?}");
    }
    eprintln!("{} trials from seed {}", seeds.len(), seeds.first().unwrap_or(&0));
}

/// Seeds of trials that found bugs. Each seed is tried several times, because redb's random hashing changes
/// the outcome.
const FAULTS: [u64; 8] = [
    20_000_161,
    60_000_293,
    80_000_261,
    110_000_196,
    120_000_101,
    130_000_060,
    30_000_004,
    // With this seed, redb panicked during a commit and again in a destructor, which ended the process.
    129_492_304_086_660,
];

#[test]
fn contract_5_damage_that_was_once_handled_wrongly_is_handled_right() {
    let images = images();
    let again: Vec<u64> = FAULTS.iter().flat_map(|seed| [*seed; 8]).collect();
    run_batch(images.dir(), &again, "none", &mut Tally::new()).unwrap();
}

#[test]
fn the_images_are_the_same_every_time() {
    let (one, other) = (images(), images());
    for (name, _) in truth::IMAGES {
        let read = |place: &Place| truth::read_image(place.dir(), name);
        let (one, other) = (read(&one), read(&other));
        assert!(
            one.now == other.now && one.earlier == other.earlier,
            "the {name} image differs: no trial can be replayed"
        );
    }
}

#[test]
fn the_damage_harness_catches_a_wrong_value_a_panic_and_a_crash() {
    let images = images();
    // With these seeds the damaged file is empty. The trial then has a working cache, in which a wrong value
    // can be planted.
    let empty = KINDS.iter().position(|kind| *kind == kinds::DamageKind::Empty).unwrap() as u64;
    let seeds = [empty + 1_200, empty + 2_400];
    for (plant, expected) in
        [("wrong", "never written"), ("panic", "planted"), ("crash", "the process ended")]
    {
        let wrong = run_batch(images.dir(), &seeds, plant, &mut Tally::new()).unwrap_err();
        assert_eq!(wrong.seed, seeds[0], "{plant}: it is the first trial that goes wrong");
        assert!(wrong.why.contains(expected), "{plant}: {wrong:?}");
    }
    run_batch(images.dir(), &seeds, "none", &mut Tally::new()).unwrap();
}

/// Makes a database of another application. With `with_our_names`, one of its tables has the name of larder's
/// metadata table, but other types.
fn other_database(path: &Path, with_our_names: bool) -> Database {
    let db = Database::create(path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(TableDefinition::<u64, &str>::new("letters")).unwrap().insert(1, "larder.meta").unwrap();
    if with_our_names {
        let meta: MultimapTableDefinition<u64, u64> = MultimapTableDefinition::new("larder.meta");
        txn.open_multimap_table(meta).unwrap().insert(1, 2).unwrap();
    }
    txn.commit().unwrap();
    db
}

#[test]
fn contract_5_whatever_is_not_ours_is_left_byte_for_byte() {
    let mut random = Random::of_round(5);
    let mut bytes =
        |len: usize| (0..len).map(|_| u8::try_from(random.below(256)).unwrap()).collect::<Vec<_>>();
    let sqlite = [b"SQLite format 3\0".as_slice(), &bytes(8_176)].concat();
    let ours_in_name = b"larder.meta larder.entries larder.expiry".repeat(300);
    let contents = [
        ("an SQLite database", sqlite),
        ("random bytes", bytes(20_000)),
        ("one byte", bytes(1)),
        ("zeros", vec![0; 16_384]),
        ("a text that speaks of larder's tables", ours_in_name),
    ];
    for (what, content) in contents {
        let place = Place::new();
        fs::write(place.path(), content).unwrap();
        is_refused_untouched(&place, what);
    }
    for with_our_names in [false, true] {
        let (place, crashed) = (Place::new(), Place::new());
        let db = other_database(&place.path(), with_our_names);
        fs::copy(place.path(), crashed.path()).unwrap();
        drop(db);
        is_refused_untouched(&place, "a redb database of another application");
        is_refused_untouched(&crashed, "one that its application left by a crash");
    }
}

fn is_refused_untouched(place: &Place, what: &str) {
    let before = fs::read(place.path()).unwrap();
    let error = Cache::builder().path(place.path()).open().expect_err(what);
    assert!(matches!(error, Error::Foreign { .. }), "{what}: {error}");
    assert!(fs::read(place.path()).unwrap() == before, "{what}: it was changed");
    let aside =
        fs::read_dir(place.dir()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(aside.filter(|name| name.contains("damaged")).count(), 0, "{what}: it was moved aside");
}
