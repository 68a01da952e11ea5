//! The shop's database and the value types of its rows. The database is a real `SQLite` file, and its
//! queries are counted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder_product::{CategoryCode, DataCode, MerchantCode, ProductCode, Shop, UserId};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Priced {
    pub(crate) code: String,
    pub(crate) price: u64,
    /// [`Database::set_price`] raises it. Tests compare revisions to find stale answers.
    pub(crate) revision: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) token: String,
}

pub(crate) struct SqliteShop;

impl Shop for SqliteShop {
    type Categories = Vec<String>;
    type ProductList = Vec<Priced>;
    type Product = Priced;
    type DataPackage = Priced;
    type DataBundles = Vec<Priced>;
    type Discount = u64;
    type Merchant = Login;
}

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE category (code TEXT PRIMARY KEY, active INTEGER NOT NULL);
    CREATE TABLE product (
        code TEXT PRIMARY KEY, category TEXT NOT NULL, price INTEGER NOT NULL, revision INTEGER NOT NULL
    );
    CREATE TABLE data_package (
        product TEXT, code TEXT, price INTEGER NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (product, code)
    );
    CREATE TABLE discount (user INTEGER, product TEXT, percent INTEGER NOT NULL, PRIMARY KEY (user, product));
    CREATE TABLE merchant (code TEXT PRIMARY KEY, token TEXT NOT NULL);
    INSERT INTO category VALUES ('AIRTIME', 1), ('DATA', 1), ('OLD', 0);
    INSERT INTO product VALUES
        ('MTNVTU', 'AIRTIME', 100, 1), ('GLOVTU', 'AIRTIME', 90, 1), ('MTNDATA', 'DATA', 300, 1),
        ('categories_active', 'DATA', 1, 1);
    INSERT INTO data_package VALUES
        ('MTNDATA', 'DATA_1GB', 300, 1), ('MTNDATA', 'DATA_2GB', 500, 1), ('A', 'B_C', 1, 1), ('A_B', 'C', 2, 1);
    INSERT INTO discount VALUES (123, 'MTNVTU', 5), (123, 'MTNDATA', 3), (124, 'MTNVTU', 7);
    INSERT INTO merchant VALUES ('ACME', 'token-of-acme'), ('GLOBEX', 'token-of-globex');
";

/// One connection. All connections share one counter of queries.
pub(crate) struct Database {
    path: PathBuf,
    connection: Connection,
    queries: Arc<AtomicU64>,
}

type Answer<T> = Result<T, rusqlite::Error>;

impl Database {
    pub(crate) fn create(dir: &Path) -> Self {
        let path = dir.join("shop.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        Self { path, connection, queries: Arc::default() }
    }

    /// Opens another connection to the same database, for another thread.
    pub(crate) fn connect(&self) -> Self {
        let connection = Connection::open(&self.path).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        Self { path: self.path.clone(), connection, queries: self.queries.clone() }
    }

    /// Returns the number of queries of all connections.
    pub(crate) fn queries(&self) -> u64 {
        self.queries.load(Ordering::SeqCst)
    }

    pub(crate) fn change(&self, statement: &str) {
        assert_eq!(self.connection.execute(statement, []).unwrap(), 1, "{statement}");
    }

    fn all<T>(&self, query: &str, key: &str, read: fn(&Row<'_>) -> Answer<T>) -> Answer<Vec<T>> {
        self.queries.fetch_add(1, Ordering::SeqCst);
        let mut statement = self.connection.prepare_cached(query)?;
        statement.query_map([key], read)?.collect()
    }

    fn one<T>(&self, query: &str, keys: impl rusqlite::Params, read: fn(&Row<'_>) -> Answer<T>) -> Answer<T> {
        self.queries.fetch_add(1, Ordering::SeqCst);
        self.connection.prepare_cached(query)?.query_row(keys, read)
    }

    pub(crate) fn categories(&self) -> Answer<Vec<String>> {
        self.all("SELECT code FROM category WHERE active AND ?1 = '' ORDER BY code", "", |row| row.get(0))
    }

    pub(crate) fn product_list(&self, category: &CategoryCode) -> Answer<Vec<Priced>> {
        let query = "SELECT code, price, revision FROM product WHERE category = ?1 ORDER BY code";
        self.all(query, category.as_str(), priced)
    }

    pub(crate) fn product(&self, code: &ProductCode) -> Answer<Priced> {
        self.one("SELECT code, price, revision FROM product WHERE code = ?1", [code.as_str()], priced)
    }

    pub(crate) fn data_package(&self, product: &ProductCode, data: &DataCode) -> Answer<Priced> {
        let query = "SELECT code, price, revision FROM data_package WHERE product = ?1 AND code = ?2";
        self.one(query, [product.as_str(), data.as_str()], priced)
    }

    pub(crate) fn data_bundles(&self, product: &ProductCode) -> Answer<Vec<Priced>> {
        let query = "SELECT code, price, revision FROM data_package WHERE product = ?1 ORDER BY code";
        self.all(query, product.as_str(), priced)
    }

    pub(crate) fn discount(&self, user: UserId, product: &ProductCode) -> Answer<u64> {
        let query = "SELECT percent FROM discount WHERE user = ?1 AND product = ?2";
        self.one(query, params![user.get(), product.as_str()], |row| row.get(0))
    }

    pub(crate) fn merchant(&self, code: &MerchantCode) -> Answer<Login> {
        let query = "SELECT token FROM merchant WHERE code = ?1";
        self.one(query, [code.as_str()], |row| Ok(Login { token: row.get(0)? }))
    }

    /// Commits a new price. Returns its revision.
    pub(crate) fn set_price(&self, product: &ProductCode, price: u64) -> u64 {
        let update =
            "UPDATE product SET price = ?2, revision = revision + 1 WHERE code = ?1 RETURNING revision";
        let mut statement = self.connection.prepare_cached(update).unwrap();
        statement.query_row(params![product.as_str(), price], |row| row.get(0)).unwrap()
    }
}

fn priced(row: &Row<'_>) -> Answer<Priced> {
    Ok(Priced { code: row.get(0)?, price: row.get(1)?, revision: row.get(2)? })
}
