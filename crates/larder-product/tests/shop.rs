//! Tests of a shop's cache in an application: in memory, and in a file that is reopened.

use std::cell::Cell;
use std::error::Error;

use larder::{Cache, LoadError};
use larder_product::doc::{AirtimeShop, Product};
use larder_product::{MerchantCode, ProductCache, ProductCode, UserId, ttl};

type Outcome = Result<(), Box<dyn Error>>;

/// A database with one product. It counts its queries.
#[derive(Default)]
struct Database {
    queries: Cell<u32>,
}

impl Database {
    fn product(&self, code: &ProductCode) -> Result<Product, NoSuchProduct> {
        self.queries.set(self.queries.get() + 1);
        if code.as_str() == "MTNVTU" { Ok(Product::new("MTN airtime", 100)) } else { Err(NoSuchProduct) }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no such product")]
struct NoSuchProduct;

#[test]
fn a_product_is_loaded_once_and_again_after_its_invalidation() -> Outcome {
    let cache = Cache::builder().open()?;
    let shop = ProductCache::<AirtimeShop>::open(&cache)?;
    let (database, code) = (Database::default(), "MTNVTU".parse()?);

    for _ in 0..3 {
        assert_eq!(shop.get_or_load_product(&code, || database.product(&code))?.price, 100);
    }
    assert_eq!(database.queries.get(), 1);

    assert_eq!(shop.invalidate_product_cache(&code)?, 1);
    let _ = shop.get_or_load_product(&code, || database.product(&code))?;
    assert_eq!(database.queries.get(), 2);
    Ok(())
}

#[test]
fn a_loaders_error_reaches_the_caller_and_is_not_cached() -> Outcome {
    let cache = Cache::builder().open()?;
    let shop = ProductCache::<AirtimeShop>::open(&cache)?;
    let (database, code) = (Database::default(), "GONE".parse()?);

    for asked in 1..=2 {
        let outcome = shop.get_or_load_product(&code, || database.product(&code));
        assert!(matches!(outcome, Err(LoadError::Loader(_))));
        assert_eq!(database.queries.get(), asked);
    }
    Ok(())
}

#[test]
fn an_entry_lives_no_longer_than_its_family() -> Outcome {
    let cache = Cache::builder().open()?;
    let shop = ProductCache::<AirtimeShop>::open(&cache)?;
    let code: ProductCode = "MTNVTU".parse()?;
    let discount = (UserId::new(123)?, &code);
    shop.products().insert(&code, Product::new("MTN airtime", 100))?;
    shop.merchant_discounts().insert(&discount, 5)?;

    let (product_left, discount_left) =
        (shop.products().ttl(&code), shop.merchant_discounts().ttl(&discount));
    assert!(product_left.is_some_and(|left| left <= ttl::PRODUCT && left > ttl::PRODUCT / 2));
    assert!(discount_left.is_some_and(|left| left <= ttl::MERCHANT_DISCOUNT));
    Ok(())
}

#[test]
fn a_reopened_file_has_the_products_and_none_of_the_logins() -> Outcome {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("shop.larder");
    let code: ProductCode = "MTNVTU".parse()?;
    let dropped: ProductCode = "GLOVTU".parse()?;
    let merchant: MerchantCode = "ACME".parse()?;
    let user = UserId::new(123)?;
    {
        let cache = Cache::builder().path(&path).open()?;
        let shop = ProductCache::<AirtimeShop>::open(&cache)?;
        shop.products().insert(&code, Product::new("MTN airtime", 100))?;
        shop.products().insert(&dropped, Product::new("Glo airtime", 100))?;
        shop.merchant_discounts().insert(&(user, &code), 5)?;
        shop.merchant_auth().insert(&merchant, "secret-token".to_owned())?;
        assert_eq!(shop.invalidate_product_cache(&dropped)?, 1);
        cache.close()?;
    }
    let bytes = std::fs::read(&path)?;
    assert!(!bytes.windows(12).any(|window| window == b"secret-token"), "a login was written to disk");

    let cache = Cache::builder().path(&path).open()?;
    let shop = ProductCache::<AirtimeShop>::open(&cache)?;
    assert_eq!(shop.get_product(&code).as_deref(), Some(&Product::new("MTN airtime", 100)));
    assert_eq!(shop.get_merchant_discount(user, &code).as_deref(), Some(&5));
    assert_eq!(shop.products().keys().collect::<Vec<_>>(), [code]);
    assert!(shop.get_merchant_auth(&merchant).is_none());
    Ok(())
}
