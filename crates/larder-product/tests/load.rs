//! Tests updates under load: several threads send requests while prices change. An answer is stale if it is
//! older than an update whose helper returned before the request. No answer may be stale, not even after the
//! cache is closed and reopened.
//!
//! Product lists are built from cached products, so a list is as old as its oldest product. If an
//! invalidation removed the list before the product, a stale list could be cached in between.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use larder::{Cache, CacheBuilder};
use larder_product::{ProductCache, ProductCode};

use crate::database::{Database, Priced, SqliteShop};
use crate::guide::{World, codes};

const READERS: usize = 4;
const UPDATES: u64 = 150;
const PRODUCTS: [&str; 2] = ["GLOVTU", "MTNVTU"];

/// For each product, the revision of the last update whose helper has returned.
type MinRevisions = [AtomicU64; 2];

struct Client<'a> {
    shop: &'a ProductCache<SqliteShop>,
    database: Database,
    products: [ProductCode; 2],
}

impl Client<'_> {
    fn product(&self, at: usize) -> Priced {
        let code = &self.products[at];
        (*self.shop.get_or_load_product(code, || self.database.product(code)).unwrap()).clone()
    }

    /// Returns the list of both products, built from the cached products.
    fn list(&self) -> Vec<Priced> {
        let build = || Ok::<_, std::convert::Infallible>(vec![self.product(0), self.product(1)]);
        self.shop.get_or_load_product_list(&codes().airtime, build).unwrap().to_vec()
    }

    /// Requests both products and the list once. Returns the number of stale products in the answers.
    fn stale(&self, minimums: &MinRevisions) -> u64 {
        let minimum = |at: usize| minimums[at].load(Ordering::Acquire);
        let mut stale = 0;
        for at in [0, 1] {
            let min = minimum(at);
            stale += u64::from(self.product(at).revision < min);
        }
        let min = [minimum(0), minimum(1)];
        let list = self.list();
        stale += list.iter().zip(min).filter(|(product, min)| product.revision < *min).count() as u64;
        stale
    }
}

fn client<'a>(world: &World, shop: &'a ProductCache<SqliteShop>) -> Client<'a> {
    let products = PRODUCTS.map(|code| code.parse().unwrap());
    Client { shop, database: world.database.connect(), products }
}

fn open(world: &World) -> (Cache, ProductCache<SqliteShop>) {
    let cache = CacheBuilder::from_url(&world.url()).unwrap().open().unwrap();
    let shop = ProductCache::open(&cache).unwrap();
    (cache, shop)
}

/// Sends requests from several threads while prices change. Returns the numbers of rounds and of stale
/// answers.
fn run(
    world: &World,
    shop: &ProductCache<SqliteShop>,
    minimums: &MinRevisions,
    invalidate: bool,
) -> (u64, u64) {
    let (stale, asked, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..READERS {
            let reader = client(world, shop);
            let (stale, asked, done) = (&stale, &asked, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    stale.fetch_add(reader.stale(minimums), Ordering::Relaxed);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let writer = world.database.connect();
        for update in 0..UPDATES {
            let at = (update % 2) as usize;
            let product = PRODUCTS[at].parse().unwrap();
            let revision = writer.set_price(&product, update);
            if invalidate {
                shop.invalidate_product_cache(&product).unwrap();
            }
            minimums[at].store(revision, Ordering::Release);
        }
        // Waits for 2 × READERS more increments of `asked`, so that requests follow the last update.
        let last = asked.load(Ordering::Relaxed);
        while asked.load(Ordering::Relaxed) < last + 2 * READERS as u64 {
            thread::yield_now();
        }
        done.store(true, Ordering::Relaxed);
    });
    (asked.into_inner(), stale.into_inner())
}

#[test]
fn no_answer_is_older_than_an_update_that_had_returned() {
    let world = World::new();
    let minimums = MinRevisions::default();
    let (cache, shop) = open(&world);
    let (asked, stale) = run(&world, &shop, &minimums, true);
    assert_eq!(stale, 0, "of {asked} rounds");
    let (rounds, queries) = (asked, world.database.queries());
    assert!(queries < rounds * 3, "{queries} queries for {rounds} rounds: nothing was cached");
    drop(shop);
    cache.close().unwrap();

    let (_cache, shop) = open(&world);
    assert_eq!(client(&world, &shop).stale(&minimums), 0, "after a restart");
}

#[test]
fn a_forgotten_invalidation_is_seen_by_this_test() {
    let world = World::new();
    let (_cache, shop) = open(&world);
    let (_, stale) = run(&world, &shop, &MinRevisions::default(), false);
    assert!(stale > 0);
}
