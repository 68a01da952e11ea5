//! The shop's service: answers requests and makes changes, from the database alone or with larder before it.

use larder::{Cache, Update};
use larder_product::ProductCache;

use crate::demo::directory::{Change, Directory, Subject, category_of, data_product_of};
use crate::demo::reader::Reader;
use crate::demo::shop::{Answer, DemoShop};
use crate::demo::writer::Writer;
use crate::error::Error;

/// What the demo's threads talk to.
pub(crate) trait Service: Sync {
    /// Answers a request; `database` is the asking thread's connection.
    fn answer(&self, subject: Subject, database: &Reader) -> Result<Answer, Error>;

    /// Makes a change and returns its revision. No answer that begins afterwards may be older.
    fn change(&self, change: Change, database: &mut Writer) -> Result<u64, Error>;
}

/// The service without a cache: every request is a query.
#[derive(Debug)]
pub(crate) struct Uncached<'a> {
    pub(crate) directory: &'a Directory,
}

impl Service for Uncached<'_> {
    fn answer(&self, subject: Subject, database: &Reader) -> Result<Answer, Error> {
        let directory = self.directory;
        Ok(match subject {
            Subject::Categories => Answer::Categories(database.categories()?.into()),
            Subject::ProductList(n) => {
                Answer::ProductList(database.product_list(directory.category(n))?.into())
            }
            Subject::Product(n) => Answer::Product(database.product(directory.product(n))?.into()),
            Subject::DataPackage(n) => {
                let (product, data) = directory.data_package(n);
                Answer::DataPackage(database.data_package(product, data)?.into())
            }
            Subject::DataBundles(n) => {
                Answer::DataBundles(database.data_bundles(directory.data_product(n))?.into())
            }
            Subject::Discount(n) => {
                let (user, product) = directory.discount(n);
                Answer::Discount(database.discount(user, product)?.into())
            }
            Subject::Merchant(n) => Answer::Merchant(database.merchant(directory.merchant(n))?.into()),
        })
    }

    fn change(&self, change: Change, database: &mut Writer) -> Result<u64, Error> {
        Ok(database.apply(change, self.directory)?)
    }
}

/// The service with larder: a request is a query only when the answer is in neither tier.
#[derive(Debug)]
pub(crate) struct Cached<'a> {
    shop: ProductCache<DemoShop>,
    directory: &'a Directory,
}

impl<'a> Cached<'a> {
    pub(crate) fn open(cache: &Cache, directory: &'a Directory) -> Result<Self, Error> {
        Ok(Self { shop: ProductCache::open(cache)?, directory })
    }

    /// Removes the entries that `change` will show in, and bars them from being filled.
    fn bar(&self, change: Change) -> Result<Vec<Update>, larder::Error> {
        let (shop, directory) = (&self.shop, self.directory);
        let list = |category| shop.product_lists().begin_update(directory.category(category));
        Ok(match change {
            Change::Category(n) => vec![shop.categories().begin_update(&())?, list(n)?],
            Change::Product(n) => {
                vec![shop.products().begin_update(directory.product(n))?, list(category_of(n))?]
            }
            Change::DataPackage(n) => {
                let bundles = directory.data_product(data_product_of(n));
                vec![
                    shop.data_packages().begin_update(&directory.data_package(n))?,
                    shop.data_bundles().begin_update(bundles)?,
                ]
            }
            Change::Discount(n) => {
                vec![shop.merchant_discounts().begin_update(&directory.discount(n))?]
            }
            Change::Merchant(n) => vec![shop.merchant_auth().begin_update(directory.merchant(n))?],
        })
    }

    /// Invalidates what `change` made stale, as the guide says.
    fn invalidate(&self, change: Change) -> Result<u64, larder::Error> {
        let (shop, directory) = (&self.shop, self.directory);
        match change {
            Change::Category(_) => shop.invalidate_product_category_cache(),
            Change::Product(n) => shop.invalidate_product_cache(directory.product(n)),
            Change::DataPackage(n) => {
                let (product, data) = directory.data_package(n);
                shop.invalidate_data_package_cache(product, data)
            }
            Change::Discount(n) => {
                let (user, product) = directory.discount(n);
                shop.invalidate_merchant_discount_cache(user, product)
            }
            Change::Merchant(n) => shop.invalidate_merchant_auth_cache(directory.merchant(n)),
        }
    }
}

impl Service for Cached<'_> {
    fn answer(&self, subject: Subject, database: &Reader) -> Result<Answer, Error> {
        let (shop, directory) = (&self.shop, self.directory);
        Ok(match subject {
            Subject::Categories => Answer::Categories(shop.get_or_load_categories(|| database.categories())?),
            Subject::ProductList(n) => {
                let category = directory.category(n);
                Answer::ProductList(
                    shop.get_or_load_product_list(category, || database.product_list(category))?,
                )
            }
            Subject::Product(n) => {
                let product = directory.product(n);
                Answer::Product(shop.get_or_load_product(product, || database.product(product))?)
            }
            Subject::DataPackage(n) => {
                let (product, data) = directory.data_package(n);
                let load = || database.data_package(product, data);
                Answer::DataPackage(shop.get_or_load_data_package(product, data, load)?)
            }
            Subject::DataBundles(n) => {
                let product = directory.data_product(n);
                Answer::DataBundles(
                    shop.get_or_load_data_bundles(product, || database.data_bundles(product))?,
                )
            }
            Subject::Discount(n) => {
                let (user, product) = directory.discount(n);
                let load = || database.discount(user, product);
                Answer::Discount(shop.get_or_load_merchant_discount(user, product, load)?)
            }
            Subject::Merchant(n) => {
                let merchant = directory.merchant(n);
                Answer::Merchant(shop.get_or_load_merchant_auth(merchant, || database.merchant(merchant))?)
            }
        })
    }

    /// Steps 1 to 4 of the protocol in `floors.rs`; the caller publishes.
    fn change(&self, change: Change, database: &mut Writer) -> Result<u64, Error> {
        let bars = self.bar(change)?; // 1
        let revision = database.apply(change, self.directory)?; // 2
        self.invalidate(change)?; // 3
        bars.into_iter().for_each(Update::finish); // 4
        Ok(revision)
    }
}
