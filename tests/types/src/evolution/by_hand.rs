//! Typical changes of a type between releases, on a real file. The keyspace keeps its name and version, but
//! its values are read as another type.

use std::collections::{BTreeMap, HashMap};

use larder::{Cache, Format, KeyspaceDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

/// Stores values of the old type, and reads them as the new type. Returns the values in order, and the number
/// of undecodable records.
fn read<Old, New>(format: Format, old: Vec<Old>) -> (Vec<Option<New>>, u64)
where
    Old: Serialize + DeserializeOwned + Send + Sync + 'static,
    New: Serialize + DeserializeOwned + Send + Sync + Clone + 'static,
{
    let dir = tempfile::tempdir().unwrap();
    let open = || Cache::builder().path(dir.path().join("types.larder")).open().unwrap();
    let number = old.len() as u64;
    let cache = open();
    let space = cache.keyspace(KeyspaceDefinition::<u64, Old>::new("offer").format(format)).unwrap();
    for (key, value) in (0..).zip(old) {
        space.insert(&key, value).unwrap();
    }
    drop(space);
    cache.close().unwrap();
    let cache = open();
    let space = cache.keyspace(KeyspaceDefinition::<u64, New>::new("offer").format(format)).unwrap();
    let found = (0..number).map(|key| space.get(&key).map(|value| (*value).clone())).collect();
    let undecodable = cache.stats().keyspaces.iter().map(|space| space.undecodable).sum();
    (found, undecodable)
}

/// Checks that each old value is a miss and counts as undecodable, alone and nested in another value.
fn all_missed<Old, New>(old: Vec<Old>)
where
    Old: Serialize + DeserializeOwned + Send + Sync + Clone + 'static,
    New: Serialize + DeserializeOwned + Send + Sync + Clone + std::fmt::Debug + 'static,
{
    let number = old.len() as u64;
    let (found, undecodable) = read::<Old, New>(Format::Bincode, old.clone());
    assert!(found.iter().all(Option::is_none), "{found:?}");
    assert_eq!(undecodable, number);
    // The second value contains no old value, so it is found.
    let nested: Vec<(u8, BTreeMap<String, Vec<Old>>)> =
        vec![(7, BTreeMap::from([("a".to_owned(), vec![]), ("b".to_owned(), old)])), (7, BTreeMap::new())];
    let (found, undecodable) = read::<_, (u8, BTreeMap<String, Vec<New>>)>(Format::Bincode, nested);
    assert!(found[0].is_none() && found[1].is_some(), "{found:?}");
    assert_eq!(undecodable, 1);
}

/// Checks that each old value is read as the expected new value.
fn all_found<Old, New>(old: Vec<Old>, new: &[New])
where
    Old: Serialize + DeserializeOwned + Send + Sync + 'static,
    New: Serialize + DeserializeOwned + Send + Sync + Clone + PartialEq + std::fmt::Debug + 'static,
{
    let (found, undecodable) = read::<Old, New>(Format::Bincode, old);
    assert_eq!(found.into_iter().collect::<Option<Vec<New>>>().as_deref(), Some(new));
    assert_eq!(undecodable, 0);
}

macro_rules! types {
    ($($name:ident $body:tt)*) => {$(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        struct $name $body
    )*};
}

types! {
    Offer { price: u32, level: u32, tags: Vec<u8> }
    FieldAdded { price: u32, level: u32, tags: Vec<u8>, limit: Option<u8> }
    FieldAddedFirst { limit: (), price: u32, level: u32, tags: Vec<u8> }
    FieldRemoved { price: u32, tags: Vec<u8> }
    Reordered { level: u32, price: u32, tags: Vec<u8> }
    Renamed { cost: u32, level: u32, tags: Vec<u8> }
    Wider { price: u64, level: u32, tags: Vec<u8> }
    Signed { price: i32, level: u32, tags: Vec<u8> }
    Text { price: u32, level: u32, tags: String }
    Optional { price: Option<u32>, level: u32, tags: Vec<u8> }
}

fn offers() -> Vec<Offer> {
    let offer = |price, level, tags: &[u8]| Offer { price, level, tags: tags.to_vec() };
    vec![offer(300, 1, b"ab"), offer(0, 0, b""), offer(1, 1, &[1, 1, 1])]
}

#[test]
fn a_struct_whose_fields_changed_is_a_counted_miss() {
    all_missed::<Offer, FieldAdded>(offers());
    all_missed::<Offer, FieldAddedFirst>(offers());
    all_missed::<Offer, FieldRemoved>(offers());
    all_missed::<Offer, Reordered>(offers());
    all_missed::<Offer, Renamed>(offers());
    all_missed::<Offer, Wider>(offers());
    all_missed::<Offer, Signed>(offers());
    all_missed::<Offer, Text>(offers());
    all_missed::<Offer, Optional>(offers());
    all_missed::<Offer, (u32, u32, Vec<u8>)>(offers());
    all_missed::<Optional, Offer>(vec![
        Optional { price: Some(1), level: 1, tags: vec![1] },
        Optional { price: None, level: 1, tags: vec![] },
    ]);
    all_missed::<Text, Offer>(vec![Text { price: 1, level: 1, tags: "ab".to_owned() }]);
}

#[test]
fn numbers_of_other_widths_and_lists_of_other_things_are_counted_misses() {
    all_missed::<u32, u64>(vec![0, 1, 70_000]);
    all_missed::<u32, i32>(vec![0, 1, 70_000]);
    all_missed::<u8, bool>(vec![0, 1]);
    all_missed::<String, Vec<u8>>(vec![String::new(), "ab".to_owned()]);
    all_missed::<Vec<u8>, String>(vec![vec![], b"ab".to_vec()]);
    all_missed::<Option<u8>, u8>(vec![Some(0), None]);
    all_missed::<u8, Option<u8>>(vec![0, 1]);
    all_missed::<BTreeMap<u8, u8>, Vec<(u8, u8)>>(vec![BTreeMap::from([(1, 2)]), BTreeMap::new()]);
    all_missed::<(u8, u8), u8>(vec![(1, 2)]);
    all_missed::<[u8; 2], (u8, (u8,))>(vec![[1, 2]]);
    all_missed::<f64, u64>(vec![0.5]);
    all_missed::<char, u32>(vec!['a']);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Price(u32);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Aliased {
    #[serde(rename = "price", alias = "cost", alias = "old")]
    amount: Price,
    #[serde(alias = "rank")]
    level: u32,
    #[serde(default)]
    tags: Box<[u8]>,
}

#[test]
fn aliases_newtypes_and_the_names_of_types_change_nothing() {
    let aliased = |offer: &Offer| Aliased {
        amount: Price(offer.price),
        level: offer.level,
        tags: offer.tags.clone().into(),
    };
    let new: Vec<_> = offers().iter().map(aliased).collect();
    all_found::<Offer, Aliased>(offers(), &new);
    all_found::<Aliased, Offer>(new, &offers());
    all_found::<HashMap<String, u32>, BTreeMap<String, Price>>(
        vec![HashMap::from([("a".to_owned(), 1)])],
        &[BTreeMap::from([("a".to_owned(), Price(1))])],
    );
}

macro_rules! enums {
    ($($name:ident { $($body:tt)* })*) => {$(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[expect(dead_code, reason = "some variants are there for their place alone")]
        #[allow(unfulfilled_lint_expectations, reason = "or there is none of those")]
        enum $name { $($body)* }
    )*};
}

enums! {
    State { New, Paid(u32), Sent { to: String }, Rare(u32) }
    VariantsExchanged { New, Rare(u32), Sent { to: String }, Paid(u32) }
    VariantInserted { New, Held(u32), Paid(u32), Sent { to: String }, Rare(u32) }
    VariantRenamed { New, Bought(u32), Sent { at: String }, Rare(u32) }
    VariantRemoved { New, Sent { to: String }, Rare(u32) }
    VariantAppended { New, Paid(u32), Sent { to: String }, Rare(u32), Lost }
    VariantAliased { #[serde(alias = "Fresh")] New, #[serde(rename = "Paid", alias = "Bought")] Settled(Price), Sent { #[serde(alias = "at")] to: String }, Rare(u32) }
}

#[test]
fn variants_that_moved_are_counted_misses_and_those_that_did_not_are_found() {
    let (paid, rare) = (|| vec![State::Paid(3), State::Paid(300)], || vec![State::Rare(3)]);
    let sent = || vec![State::Sent { to: "ab".to_owned() }];
    all_missed::<State, VariantsExchanged>([paid(), rare()].concat());
    all_missed::<State, VariantInserted>([paid(), rare(), sent()].concat());
    all_missed::<State, VariantRenamed>([paid(), sent()].concat());
    all_missed::<State, VariantRemoved>([paid(), sent(), rare()].concat());
    all_found::<State, VariantInserted>(vec![State::New], &[VariantInserted::New]);
    all_found::<State, VariantRenamed>(rare(), &[VariantRenamed::Rare(3)]);
    all_found::<State, VariantAppended>(
        [paid(), vec![State::New], rare()].concat(),
        &[
            VariantAppended::Paid(3),
            VariantAppended::Paid(300),
            VariantAppended::New,
            VariantAppended::Rare(3),
        ],
    );
    all_found::<State, VariantAliased>(
        [paid(), sent(), rare()].concat(),
        &[
            VariantAliased::Settled(Price(3)),
            VariantAliased::Settled(Price(300)),
            VariantAliased::Sent { to: "ab".to_owned() },
            VariantAliased::Rare(3),
        ],
    );
}

#[test]
fn a_rare_variant_is_a_miss_after_ten_thousand_others_were_found() {
    let mut old = vec![State::New; 10_000];
    old[9_000] = State::Paid(7);
    let (found, undecodable) = read::<State, VariantsExchanged>(Format::Bincode, old);
    assert_eq!(found.iter().filter(|found| found.is_none()).count(), 1);
    assert!(found[9_000].is_none());
    assert_eq!(undecodable, 1);
}

/// A type that is written as a struct, and is read as a tuple.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct ByHand {
    high: u32,
    low: u32,
}

impl<'de> Deserialize<'de> for ByHand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (high, low) = <(u32, u32)>::deserialize(deserializer)?;
        Ok(Self { high, low })
    }
}

types! {
    LowFirst { low: u32, high: u32 }
    HighFirst { high: u32, low: u32 }
}

#[test]
fn a_type_that_deserializes_by_hand_is_known_by_what_it_serializes_as() {
    all_missed::<LowFirst, ByHand>(vec![LowFirst { low: 1, high: 2 }]);
    all_found::<HighFirst, ByHand>(vec![HighFirst { high: 2, low: 1 }], &[ByHand { high: 2, low: 1 }]);
}

#[test]
fn message_pack_reads_fields_by_name_and_counts_what_is_not_there() {
    let offers = offers();
    let (found, undecodable) = read::<Offer, Reordered>(Format::MessagePack, offers.clone());
    let same = |(found, offer): (&Option<Reordered>, &Offer)| {
        found.as_ref().is_some_and(|found| {
            (found.price, found.level, &found.tags) == (offer.price, offer.level, &offer.tags)
        })
    };
    assert!(found.iter().zip(&offers).all(same), "{found:?}");
    assert_eq!(undecodable, 0);
    let (found, undecodable) = read::<Offer, Renamed>(Format::MessagePack, offers.clone());
    assert!(found.iter().all(Option::is_none), "{found:?}");
    assert_eq!(undecodable, 3);
    let (found, _) = read::<Offer, FieldAdded>(Format::MessagePack, offers.clone());
    assert!(found.iter().flatten().all(|found| found.limit.is_none()) && found.iter().all(Option::is_some));
    let (found, _) = read::<Offer, Text>(Format::MessagePack, offers);
    assert!(found.iter().all(Option::is_none), "{found:?}");
    let (found, _) = read::<State, VariantsExchanged>(Format::MessagePack, vec![State::Paid(3)]);
    assert_eq!(found, [Some(VariantsExchanged::Paid(3))]);
}
