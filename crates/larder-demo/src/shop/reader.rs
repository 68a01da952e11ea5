//! Reads the shop's database, with one query for each request, and counts the queries.
//!
//! Each answer is read by one statement, so it comes from one snapshot of the database. Its highest revision
//! therefore tells which changes it includes.

use std::cell::Cell;

use larder_product::{CategoryCode, DataCode, MerchantCode, ProductCode, UserId};
use rusqlite::{Connection, Params, Row};

use super::values::{
    Categories, DataBundles, DataPackage, Discount, ListedProduct, Merchant, Product, ProductList,
};

/// One thread's connection to the shop's database.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Connection,
    queries: Cell<u64>,
}

impl Reader {
    pub(crate) const fn new(connection: Connection) -> Self {
        Self { connection, queries: Cell::new(0) }
    }

    /// Returns the number of queries that this connection has run.
    pub(crate) const fn queries(&self) -> u64 {
        self.queries.get()
    }

    pub(crate) fn categories(&self) -> rusqlite::Result<Categories> {
        let mut revision = 0;
        let categories = self.rows("SELECT code, name, revision FROM category ORDER BY name", (), |row| {
            revision = row.get::<_, u64>(2)?.max(revision);
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(Categories { categories, revision })
    }

    pub(crate) fn product_list(&self, category: &CategoryCode) -> rusqlite::Result<ProductList> {
        const SQL: &str = "SELECT category.name, category.revision, product.revision,
                product.code, product.name, product.price
            FROM category JOIN product ON product.category = category.code
            WHERE category.code = ?1 ORDER BY product.name";
        let (mut title, mut revision) = (String::new(), 0);
        let products = self.rows(SQL, [category.as_str()], |row| {
            if title.is_empty() {
                title = row.get(0)?;
            }
            revision = row.get::<_, u64>(1)?.max(row.get(2)?).max(revision);
            Ok(ListedProduct { code: row.get(3)?, name: row.get(4)?, price: row.get(5)? })
        })?;
        Ok(ProductList { category: category.to_string(), title, products, revision })
    }

    pub(crate) fn product(&self, product: &ProductCode) -> rusqlite::Result<Product> {
        const SQL: &str = "SELECT code, category, name, description, price, revision
            FROM product WHERE code = ?1";
        self.row(SQL, [product.as_str()], |row| {
            Ok(Product {
                code: row.get(0)?,
                category: row.get(1)?,
                name: row.get(2)?,
                description: row.get(3)?,
                price: row.get(4)?,
                revision: row.get(5)?,
            })
        })
    }

    pub(crate) fn data_package(
        &self,
        product: &ProductCode,
        data: &DataCode,
    ) -> rusqlite::Result<DataPackage> {
        const SQL: &str = "SELECT product, code, megabytes, price, revision
            FROM data_package WHERE product = ?1 AND code = ?2";
        self.row(SQL, [product.as_str(), data.as_str()], data_package)
    }

    pub(crate) fn data_bundles(&self, product: &ProductCode) -> rusqlite::Result<DataBundles> {
        const SQL: &str = "SELECT product, code, megabytes, price, revision
            FROM data_package WHERE product = ?1 ORDER BY code";
        let packages = self.rows(SQL, [product.as_str()], data_package)?;
        let revision = packages.iter().map(|package| package.revision).max().unwrap_or(0);
        Ok(DataBundles { product: product.to_string(), packages, revision })
    }

    pub(crate) fn discount(&self, user: UserId, product: &ProductCode) -> rusqlite::Result<Discount> {
        const SQL: &str = "SELECT user, product, percent, revision
            FROM discount WHERE user = ?1 AND product = ?2";
        self.row(SQL, (user.get(), product.as_str()), |row| {
            Ok(Discount {
                user: row.get(0)?,
                product: row.get(1)?,
                percent: row.get(2)?,
                revision: row.get(3)?,
            })
        })
    }

    pub(crate) fn merchant(&self, merchant: &MerchantCode) -> rusqlite::Result<Merchant> {
        const SQL: &str = "SELECT code, name, token, revision FROM merchant WHERE code = ?1";
        self.row(SQL, [merchant.as_str()], |row| {
            Ok(Merchant { code: row.get(0)?, name: row.get(1)?, token: row.get(2)?, revision: row.get(3)? })
        })
    }

    fn row<T>(
        &self,
        sql: &str,
        key: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.queries.set(self.queries.get() + 1);
        self.connection.prepare_cached(sql)?.query_row(key, read)
    }

    fn rows<T>(
        &self,
        sql: &str,
        key: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.queries.set(self.queries.get() + 1);
        self.connection.prepare_cached(sql)?.query_map(key, read)?.collect()
    }
}

fn data_package(row: &Row<'_>) -> rusqlite::Result<DataPackage> {
    Ok(DataPackage {
        product: row.get(0)?,
        code: row.get(1)?,
        megabytes: row.get(2)?,
        price: row.get(3)?,
        revision: row.get(4)?,
    })
}
