//! The service of the shop, which answers requests and makes changes, with the database alone or with larder
//! in front of it.

use larder::{Cache, Update};
use larder_product::{Families, ProductCache};

use super::catalog::{Catalog, Change, Subject, category_of, data_product_of};
use super::reader::Reader;
use super::values::{Answer, DemoShop};
use super::writer::Writer;
use crate::error::Error;

/// The service that the threads of the demo call.
pub(crate) trait Service: Sync {
    /// Answers a request. `database` is the connection of the calling thread.
    fn answer(&self, subject: Subject, database: &Reader) -> Result<Answer, Error>;

    /// Makes a change, and returns its revision. Answers to later requests must show the change.
    fn change(&self, change: Change, database: &mut Writer) -> Result<u64, Error>;
}

/// The service without a cache: every request is a query.
#[derive(Debug)]
pub(crate) struct DirectService<'a> {
    pub(crate) catalog: &'a Catalog,
}

impl Service for DirectService<'_> {
    fn answer(&self, subject: Subject, database: &Reader) -> Result<Answer, Error> {
        let catalog = self.catalog;
        Ok(match subject {
            Subject::Categories => Answer::Categories(database.categories()?.into()),
            Subject::ProductList(n) => {
                Answer::ProductList(database.product_list(catalog.category(n))?.into())
            }
            Subject::Product(n) => Answer::Product(database.product(catalog.product(n))?.into()),
            Subject::DataPackage(n) => {
                let (product, data) = catalog.data_package(n);
                Answer::DataPackage(database.data_package(product, data)?.into())
            }
            Subject::DataBundles(n) => {
                Answer::DataBundles(database.data_bundles(catalog.data_product(n))?.into())
            }
            Subject::Discount(n) => {
                let (user, product) = catalog.discount(n);
                Answer::Discount(database.discount(user, product)?.into())
            }
            Subject::Merchant(n) => Answer::Merchant(database.merchant(catalog.merchant(n))?.into()),
        })
    }

    fn change(&self, change: Change, database: &mut Writer) -> Result<u64, Error> {
        Ok(database.apply(change, self.catalog)?)
    }
}

/// The service with larder: a request is a query only if the cache does not have the answer.
#[derive(Debug)]
pub(crate) struct CachedService<'a> {
    shop: ProductCache<DemoShop>,
    catalog: &'a Catalog,
}

impl<'a> CachedService<'a> {
    pub(crate) fn open(cache: &Cache, catalog: &'a Catalog) -> Result<Self, Error> {
        Ok(Self { shop: ProductCache::open(cache)?, catalog })
    }

    /// Opens the service for processes that share a server.
    ///
    /// By default, each process keeps logins in its own memory only, where it does not see the removals of
    /// other processes. So this service stores logins at the server.
    pub(crate) fn open_shared(cache: &Cache, catalog: &'a Catalog) -> Result<Self, Error> {
        let shop = ProductCache::open_with(cache, Families::guide().logins_on_disk())?;
        Ok(Self { shop, catalog })
    }

    /// Removes the entries that `change` affects. Until the updates finish, no load caches them.
    fn begin_updates(&self, change: Change) -> Result<Vec<Update>, larder::Error> {
        let (shop, catalog) = (&self.shop, self.catalog);
        let list = |category| shop.product_lists().begin_update(catalog.category(category));
        Ok(match change {
            Change::Category(n) => vec![shop.categories().begin_update(&())?, list(n)?],
            Change::Product(n) => {
                vec![shop.products().begin_update(catalog.product(n))?, list(category_of(n))?]
            }
            Change::DataPackage(n) => {
                let bundles = catalog.data_product(data_product_of(n));
                vec![
                    shop.data_packages().begin_update(&catalog.data_package(n))?,
                    shop.data_bundles().begin_update(bundles)?,
                ]
            }
            Change::Discount(n) => {
                vec![shop.merchant_discounts().begin_update(&catalog.discount(n))?]
            }
            Change::Merchant(n) => vec![shop.merchant_auth().begin_update(catalog.merchant(n))?],
        })
    }

    /// Invalidates the entries that `change` made stale, with the guide's helpers.
    fn invalidate(&self, change: Change) -> Result<u64, larder::Error> {
        let (shop, catalog) = (&self.shop, self.catalog);
        match change {
            Change::Category(_) => shop.invalidate_product_category_cache(),
            Change::Product(n) => shop.invalidate_product_cache(catalog.product(n)),
            Change::DataPackage(n) => {
                let (product, data) = catalog.data_package(n);
                shop.invalidate_data_package_cache(product, data)
            }
            Change::Discount(n) => {
                let (user, product) = catalog.discount(n);
                shop.invalidate_merchant_discount_cache(user, product)
            }
            Change::Merchant(n) => shop.invalidate_merchant_auth_cache(catalog.merchant(n)),
        }
    }
}

impl Service for CachedService<'_> {
    fn answer(&self, subject: Subject, database: &Reader) -> Result<Answer, Error> {
        let (shop, catalog) = (&self.shop, self.catalog);
        Ok(match subject {
            Subject::Categories => Answer::Categories(shop.get_or_load_categories(|| database.categories())?),
            Subject::ProductList(n) => {
                let category = catalog.category(n);
                Answer::ProductList(
                    shop.get_or_load_product_list(category, || database.product_list(category))?,
                )
            }
            Subject::Product(n) => {
                let product = catalog.product(n);
                Answer::Product(shop.get_or_load_product(product, || database.product(product))?)
            }
            Subject::DataPackage(n) => {
                let (product, data) = catalog.data_package(n);
                let load = || database.data_package(product, data);
                Answer::DataPackage(shop.get_or_load_data_package(product, data, load)?)
            }
            Subject::DataBundles(n) => {
                let product = catalog.data_product(n);
                Answer::DataBundles(
                    shop.get_or_load_data_bundles(product, || database.data_bundles(product))?,
                )
            }
            Subject::Discount(n) => {
                let (user, product) = catalog.discount(n);
                let load = || database.discount(user, product);
                Answer::Discount(shop.get_or_load_merchant_discount(user, product, load)?)
            }
            Subject::Merchant(n) => {
                let merchant = catalog.merchant(n);
                Answer::Merchant(shop.get_or_load_merchant_auth(merchant, || database.merchant(merchant))?)
            }
        })
    }

    /// Takes steps 1 to 4 of the protocol in `min_revisions.rs`. The caller takes step 5.
    fn change(&self, change: Change, database: &mut Writer) -> Result<u64, Error> {
        let updates = self.begin_updates(change)?; // 1
        let revision = database.apply(change, self.catalog)?; // 2
        self.invalidate(change)?; // 3
        updates.into_iter().for_each(Update::finish); // 4
        Ok(revision)
    }
}
