//! The database of the shop: an `SQLite` file that is filled once.
//!
//! One transaction fills the file, and marks it as a file of the demo. So the file is either empty or
//! complete, and a later run in the same directory can use it. A database that is not empty and lacks the
//! mark belongs to another program, and is not changed.

use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use rusqlite::{Connection, OpenFlags, Transaction, params};

use super::catalog::{
    CATEGORIES, Catalog, DATA_PACKAGES, DATA_PRODUCTS, DISCOUNTS, MERCHANTS, PRODUCTS, category_of,
};
use super::reader::Reader;
use super::writer::Writer;
use crate::error::Error;

/// Number of rows that fill the database.
pub(crate) const ROWS: u64 = (CATEGORIES + PRODUCTS + DATA_PACKAGES + MERCHANTS + DISCOUNTS) as u64;

/// The mark of the demo's files (`application_id`): the bytes of "lard".
const APPLICATION_ID: i32 = 0x6c61_7264;
/// The initial revision of every row.
const FIRST_REVISION: u64 = 1;

const SCHEMA: &str = "
    CREATE TABLE clock (revision INTEGER NOT NULL);
    CREATE TABLE category (
        code TEXT PRIMARY KEY, name TEXT NOT NULL, revision INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE product (
        code TEXT PRIMARY KEY, category TEXT NOT NULL REFERENCES category, name TEXT NOT NULL,
        description TEXT NOT NULL, price INTEGER NOT NULL, revision INTEGER NOT NULL
    );
    CREATE INDEX product_by_category ON product (category, name);
    CREATE TABLE data_package (
        product TEXT NOT NULL REFERENCES product, code TEXT NOT NULL, megabytes INTEGER NOT NULL,
        price INTEGER NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (product, code)
    ) WITHOUT ROWID;
    CREATE TABLE merchant (
        code TEXT PRIMARY KEY, name TEXT NOT NULL, token TEXT NOT NULL, revision INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE discount (
        user INTEGER NOT NULL, product TEXT NOT NULL REFERENCES product, percent INTEGER NOT NULL,
        revision INTEGER NOT NULL, PRIMARY KEY (user, product)
    ) WITHOUT ROWID;
";

#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
}

impl Database {
    /// Opens the shop's database at `path`. Creates and fills it if it is missing.
    pub(crate) fn open_or_fill(path: &Path, catalog: &Catalog, filled: &ProgressBar) -> Result<Self, Error> {
        let mut connection = Connection::open(path)?;
        let mark: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        if mark != APPLICATION_ID {
            let tables: u64 =
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if mark != 0 || tables != 0 {
                return Err(Error::ForeignDatabase { path: path.to_owned() });
            }
            // With a write-ahead log, readers do not wait while a change is committed.
            connection.pragma_update(None, "journal_mode", "wal")?;
            fill(&mut connection, catalog, filled)?;
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Returns the shop's database at `path`, which is already filled.
    pub(crate) fn filled(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub(crate) fn reader(&self) -> Result<Reader, Error> {
        Ok(Reader::new(Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?))
    }

    pub(crate) fn writer(&self) -> Result<Writer, Error> {
        Ok(Writer::new(Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?))
    }
}

fn fill(connection: &mut Connection, catalog: &Catalog, filled: &ProgressBar) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute("INSERT INTO clock VALUES (?1)", [FIRST_REVISION])?;
    fill_catalog(&transaction, catalog, filled)?;
    fill_merchants(&transaction, catalog, filled)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()?;
    Ok(())
}

fn fill_catalog(transaction: &Transaction<'_>, catalog: &Catalog, filled: &ProgressBar) -> Result<(), Error> {
    let mut insert = transaction.prepare("INSERT INTO category VALUES (?1, ?2, ?3)")?;
    for n in 0..CATEGORIES {
        insert.execute(params![catalog.category(n).as_str(), format!("Category {n}"), FIRST_REVISION])?;
    }
    filled.inc(CATEGORIES as u64);

    let mut insert = transaction.prepare("INSERT INTO product VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for n in 0..PRODUCTS {
        insert.execute(params![
            catalog.product(n).as_str(),
            catalog.category(category_of(n)).as_str(),
            format!("Product {n}"),
            description(n),
            100 + n % 900,
            FIRST_REVISION,
        ])?;
        filled.inc(1);
    }

    let mut insert = transaction.prepare("INSERT INTO data_package VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for n in 0..DATA_PACKAGES {
        let (product, data) = catalog.data_package(n);
        let gigabytes = n / DATA_PRODUCTS + 1;
        insert.execute(params![
            product.as_str(),
            data.as_str(),
            gigabytes * 1024,
            gigabytes * 250,
            FIRST_REVISION
        ])?;
        filled.inc(1);
    }
    Ok(())
}

fn fill_merchants(
    transaction: &Transaction<'_>,
    catalog: &Catalog,
    filled: &ProgressBar,
) -> Result<(), Error> {
    let mut insert = transaction.prepare("INSERT INTO merchant VALUES (?1, ?2, ?3, ?4)")?;
    for n in 0..MERCHANTS {
        let token = format!("{:016x}", n * 0x9e37_79b9);
        insert.execute(params![
            catalog.merchant(n).as_str(),
            format!("Merchant {n}"),
            token,
            FIRST_REVISION
        ])?;
    }
    filled.inc(MERCHANTS as u64);

    let mut insert = transaction.prepare("INSERT INTO discount VALUES (?1, ?2, ?3, ?4)")?;
    for n in 0..DISCOUNTS {
        let (user, product) = catalog.discount(n);
        insert.execute(params![user.get(), product.as_str(), n % 30, FIRST_REVISION])?;
        filled.inc(1);
    }
    Ok(())
}

/// Returns a description of a product, of a typical length: 400 to 1,200 bytes.
fn description(product: usize) -> String {
    const SENTENCES: [&str; 4] = [
        "Delivered to the customer's phone within seconds of the payment, at any hour of the day. ",
        "May be given as a present, and is taken back within a week as long as nothing of it was used. ",
        "Not to be combined with other offers of the same network, unless these say so themselves. ",
        "Prices include all taxes; merchants see their own discount at the till before they confirm. ",
    ];
    SENTENCES.iter().cycle().skip(product % SENTENCES.len()).take(5 + product % 9).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::catalog::Change;

    #[test]
    fn a_filled_database_is_used_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.sqlite");
        let catalog = Catalog::new().unwrap();
        let database = Database::open_or_fill(&path, &catalog, &ProgressBar::hidden()).unwrap();
        let revision = database.writer().unwrap().apply(Change::Product(7), &catalog).unwrap();

        let bar = ProgressBar::hidden();
        let database = Database::open_or_fill(&path, &catalog, &bar).unwrap();
        assert_eq!(bar.position(), 0, "it was filled twice");
        let product = database.reader().unwrap().product(catalog.product(7)).unwrap();
        assert_eq!(product.revision, revision);
    }

    #[test]
    fn a_database_of_another_program_is_refused_and_not_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.sqlite");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE precious (id)").unwrap();
        let before = std::fs::read(&path).unwrap();

        let refused = Database::open_or_fill(&path, &Catalog::new().unwrap(), &ProgressBar::hidden());
        assert!(matches!(refused, Err(Error::ForeignDatabase { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
