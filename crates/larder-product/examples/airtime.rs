//! A shop with its own value types: looks up a product twice, and invalidates it after an update.
//!
//! Run it with `LARDER_URL=file:shop.larder cargo run -p larder-product --example airtime`.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;

use larder::Cache;
use larder_product::{Change, Families, ProductCache, ProductCode, Shop};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Product {
    name: String,
    price: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Login {
    user: u64,
    may_sell: bool,
}

struct Airtime;

impl Shop for Airtime {
    type Categories = Vec<String>;
    type ProductList = Vec<Product>;
    type Product = Product;
    type DataPackage = Product;
    type DataBundles = Vec<Product>;
    type Discount = u32;
    type Merchant = Login;
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let code: ProductCode = "MTNVTU".parse()?;
    // A map simulates the database.
    let mut table = HashMap::from([(code.clone(), Product { name: "MTN airtime".into(), price: 100 })]);
    let read = |table: &HashMap<_, Product>, code| table.get(code).cloned().ok_or(fmt::Error);

    let cache = Cache::from_env()?;
    let shop = ProductCache::<Airtime>::open_with(&cache, Families::from_env()?)?;
    for _ in 0..2 {
        let product = shop.get_or_load_product(&code, || read(&table, &code))?;
        eprintln!("{} costs {}", product.name, product.price);
    }

    table.entry(code.clone()).and_modify(|product| product.price = 120);
    eprint!("{}", Change::Product(Some(code.clone())).plan());
    shop.invalidate_product_cache(&code)?;

    let product = shop.get_or_load_product(&code, || read(&table, &code))?;
    eprintln!("{} costs {}", product.name, product.price);
    assert_eq!(product.price, 120);
    eprint!("{}", cache.stats());
    Ok(cache.close()?)
}
