//! Tests of absences while their keys change (contracts 1 and 3).
//!
//! The source has no value until its first change. So an absence is stale once that change has been
//! acknowledged.

use std::convert::Infallible;
use std::time::Duration;

use larder::{Found, Keyspace, KeyspaceDefinition};
use shuttle::thread::sleep;

use crate::explorer::contest;
use crate::place::{Place, TTL, VERSIONS};
use crate::source::{FIRST, Source};

const PRODUCTS: KeyspaceDefinition<u64, u64> = VERSIONS.absent_ttl(TTL);

type Products = Keyspace<u64, u64>;

/// Loads the key. An absence counts as the number of the source before its first change.
fn load(source: &Source, products: &Products) {
    source.look("loaded", || {
        let loaded = products.get_or_load_optional(&1, || {
            sleep(Duration::ZERO);
            let value = source.current();
            sleep(Duration::ZERO);
            Ok::<_, Infallible>((value > FIRST).then_some(value))
        });
        loaded.ok().map(|value| value.map_or(FIRST, |value| *value))
    });
}

fn find(source: &Source, products: &Products) {
    source.look("found", || match products.find(&1) {
        Found::Value(value) => Some(*value),
        Found::Absent => Some(FIRST),
        _ => None,
    });
}

/// One thread changes the source and removes the key, while other threads load the key and look it up.
fn contest_with_removals(source: &Source, products: &Products) {
    contest([
        &|| {
            source.change(|| _ = products.remove(&1).unwrap());
            load(source, products);
        },
        &|| {
            load(source, products);
            find(source, products);
        },
        &|| {
            find(source, products);
            load(source, products);
        },
    ]);
    find(source, products);
    load(source, products);
}

pub(crate) fn an_absence_never_outlives_a_removal() {
    let (place, source) = (Place::new(), Source::new());
    let cache = place.open();
    let products = cache.keyspace(PRODUCTS).unwrap();
    contest_with_removals(&source, &products);
    cache.close().unwrap();
    source.check();
}

/// Runs the contest with an absence that is on disk only. Then looks up the key in a copy of the disk, as
/// after a kill.
pub(crate) fn an_absence_on_disk_never_outlives_a_removal() {
    let ((place, _disk), source) = (Place::on_a_disk(), Source::new());
    let cache = place.open();
    load(&source, &cache.keyspace(PRODUCTS).unwrap());
    cache.close().unwrap();
    let cache = place.open();
    let products = cache.keyspace(PRODUCTS).unwrap();
    contest_with_removals(&source, &products);
    let after = place.restarted();
    cache.close().unwrap();
    let cache = after.open();
    find(&source, &cache.keyspace(PRODUCTS).unwrap());
    cache.close().unwrap();
    source.check();
}

/// One thread inserts a value while the loaders of other threads find none.
pub(crate) fn an_absence_never_hides_an_insert() {
    let (place, source) = (Place::new(), Source::new());
    let cache = place.open();
    let products = cache.keyspace(PRODUCTS).unwrap();
    contest([
        &|| {
            products.insert(&1, source.next()).unwrap();
            source.settle(FIRST + 1);
            find(&source, &products);
        },
        &|| {
            load(&source, &products);
            // `insert_if_absent` replaces an absence, but not a value.
            if products.insert_if_absent(&1, FIRST + 2).unwrap().is_none() {
                source.settle(FIRST + 1);
            }
            find(&source, &products);
        },
        &|| {
            load(&source, &products);
            cache.flush().unwrap();
            find(&source, &products);
        },
    ]);
    find(&source, &products);
    cache.close().unwrap();
    let cache = place.open();
    find(&source, &cache.keyspace(PRODUCTS).unwrap());
    cache.close().unwrap();
    source.check();
}
