//! A first example. It loads a value once, finds it again after reopening the cache, and removes it
//! durably.
//!
//! Run it with `cargo run -p larder --example first`. The file is `target/first.larder`, or the path after
//! `--`.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::time::Duration;

use larder::{Cache, KeyspaceDefinition};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Product {
    name: String,
    price: u32,
}

// Raise the version when `Product` changes. Entries of an older version are misses.
const PRODUCT: KeyspaceDefinition<String, Product> =
    KeyspaceDefinition::new("product").ttl(Duration::from_hours(1)).version(1);

/// Simulates the database query whose result is cached.
#[expect(clippy::unnecessary_wraps, reason = "a real query can fail")]
fn query(code: &str) -> Result<Product, std::io::Error> {
    println!("querying the database for {code}");
    Ok(Product { name: format!("the product {code}"), price: 100 })
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "target/first.larder".to_owned());
    for opening in ["opened", "opened again"] {
        let cache = Cache::builder().path(&path).open()?;
        let products = cache.keyspace(PRODUCT)?;
        let product = products.get_or_load("MTNVTU", || query("MTNVTU"))?;
        println!("{opening}: {} costs {}", product.name, product.price);
        cache.close()?;
    }

    let cache = Cache::builder().path(&path).open()?;
    // The removal is durable when the call returns, so the next run of this example queries the database
    // again.
    cache.keyspace(PRODUCT)?.remove("MTNVTU")?;
    println!("removed");
    Ok(cache.close()?)
}
