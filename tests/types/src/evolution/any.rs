//! Tests with pairs of types that are made from a seed.
//!
//! Values of the new type are written and read first, so that the checks know its names. The records of the
//! old type are read after that.

use larder::Format;
use larder::testing::bytes::ReleaseChecks;

use crate::change::{changed, means, shape, value};
use crate::dynamic::{Dynamic, Shape, Tree};
use crate::random::Random;

const PAIRS: u64 = 6_000;
/// Number of records of each old type, and of values of each new type.
const VALUES: usize = 8;

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    same: usize,
    missed: usize,
    /// Number of values of the old type that were accepted as values of the new type.
    adopted: usize,
}

/// Reads records of one type as another type. `believes` reads a record as a lookup does.
fn tried(
    seed: u64,
    believes: fn(&ReleaseChecks, &[u8], Option<u64>) -> Option<Dynamic>,
) -> Result<Seen, String> {
    let mut random = Random::new(seed);
    let before = shape(&mut random, 3);
    let mut after = before.clone();
    for _ in 0..random.below(3) {
        after = changed(&after, &mut random);
    }
    let of = |shape: &Shape, random: &mut Random| -> Vec<Dynamic> {
        (0..VALUES).map(|_| Dynamic(value(shape, random))).collect()
    };
    let (old, current) = (of(&before, &mut random), of(&after, &mut random));
    let checks = ReleaseChecks::default();
    let written: Vec<_> = Dynamic::read_as(&before, || {
        let checks = ReleaseChecks::default();
        old.into_iter().map(|value| (checks.encode(Format::Bincode, &value).unwrap(), value)).collect()
    });
    Dynamic::read_as(&after, || {
        let mut counts = Seen::default();
        for value in current {
            let (payload, fingerprint) = checks.encode(Format::Bincode, &value).unwrap();
            let read = checks.decode::<Dynamic>(Format::Bincode, &payload, fingerprint);
            assert!(read.as_ref() == Ok(&value), "seed {seed}: {read:?} in place of {value:?}");
        }
        for ((payload, fingerprint), value) in &written {
            match believes(&checks, payload, *fingerprint) {
                Some(read) if means(&value.0, &read.0) => {
                    counts.same += 1;
                    counts.adopted += usize::from(before != after);
                }
                Some(read) => {
                    let text = format!("seed {seed}: {before:?} became {after:?}, and {value:?} {read:?}");
                    return Err(text);
                }
                None if before == after => {
                    return Err(format!("seed {seed}: {before:?}: {value:?} is missing"));
                }
                None => counts.missed += 1,
            }
        }
        Ok(counts)
    })
}

fn real(checks: &ReleaseChecks, payload: &[u8], fingerprint: Option<u64>) -> Option<Dynamic> {
    checks.decode(Format::Bincode, payload, fingerprint).ok()
}

#[test]
fn a_record_of_another_type_means_the_same_or_is_a_miss() {
    let mut all = Seen::default();
    for seed in 0..PAIRS {
        let seen = tried(seed, real).unwrap_or_else(|text| panic!("{text}"));
        all.same += seen.same;
        all.missed += seen.missed;
        all.adopted += seen.adopted;
    }
    println!("{all:?}");
    assert!(all.missed > 5_000 && all.adopted > 1_000, "the types hardly change: {all:?}");
}

#[test]
fn a_reader_that_believes_what_decodes_is_found() {
    let found = (0..PAIRS).any(|seed| {
        let naive = |_: &ReleaseChecks, payload: &[u8], _: Option<u64>| {
            larder::testing::bytes::decode(Format::Bincode, payload).ok()
        };
        tried(seed, naive).is_err()
    });
    assert!(found);
}

#[test]
fn a_reader_that_believes_the_kinds_alone_is_found() {
    /// Reads a record and compares only its kinds, not its names. The test must find this fault.
    fn nameless(_: &ReleaseChecks, payload: &[u8], fingerprint: Option<u64>) -> Option<Dynamic> {
        let value: Dynamic = larder::testing::bytes::decode(Format::Bincode, payload).ok()?;
        let (_, own) = larder::testing::bytes::encode(Format::Bincode, &value).ok()?;
        (own? >> 32 == fingerprint? >> 32).then_some(value)
    }
    assert!((0..PAIRS).any(|seed| tried(seed, nameless).is_err()));
}

#[test]
fn a_newtype_and_names_for_a_tuples_parts_change_no_meaning() {
    use crate::dynamic::Kind;
    let number = |bits| Tree::Number(Kind::U32, bits);
    let (tuple, named) = (
        Tree::Tuple(vec![number(1), number(2)]),
        Tree::Struct(vec![("a", number(1)), ("b", Tree::Newtype(Box::new(number(2))))]),
    );
    assert!(means(&tuple, &named) && means(&named, &tuple));
    let turned = Tree::Struct(vec![("b", number(1)), ("a", number(2))]);
    assert!(!means(&named, &turned) && !means(&number(1), &Tree::Number(Kind::I32, 1)));
}
