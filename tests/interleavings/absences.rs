//! Keys that are known to be absent, together with changes of these keys (contracts 1 and 3).
//!
//! The source has no value until its first change. So a caller that gets an absence after that change was
//! acknowledged has got a stale answer.

use std::convert::Infallible;
use std::time::Duration;

use larder::{Found, Keyspace, KeyspaceDefinition};
use shuttle::thread::sleep;

use crate::explorer::contest;
use crate::place::{Place, TTL, VERSIONS};
use crate::source::{FIRST, Source};

const PRODUCTS: KeyspaceDefinition<u64, u64> = VERSIONS.absent_ttl(TTL);

type Products = Keyspace<u64, u64>;

/// Loads the key. An absence is the answer of the source before its first change.
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

/// The source gets a value, and the key is removed, while other callers load the key and look it up.
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

/// The same, with an absence that is on disk only. After the contest the power fails.
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

/// The value is inserted while loads of other callers find no value.
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
            // The insert may replace an absence, but not a value.
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
