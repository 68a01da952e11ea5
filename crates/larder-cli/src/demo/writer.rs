//! Changing the shop's database: one row and one revision a transaction.

use rusqlite::{Connection, Params, Transaction, TransactionBehavior};

use crate::demo::directory::{Change, Directory};

/// The connection that changes the shop's database.
#[derive(Debug)]
pub(crate) struct Writer {
    connection: Connection,
}

impl Writer {
    pub(crate) const fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Commits `change` and returns the revision that it got, which is higher than any before.
    pub(crate) fn apply(&mut self, change: Change, directory: &Directory) -> rusqlite::Result<u64> {
        // Taken as a writer from the start, so that revisions are handed out in the order of the commits.
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let revision: u64 = transaction.query_row(
            "UPDATE clock SET revision = revision + 1 RETURNING revision",
            (),
            |row| row.get(0),
        )?;
        match change {
            Change::Category(category) => one_row(
                &transaction,
                "UPDATE category SET name = code || ' as of ' || ?2, revision = ?2 WHERE code = ?1",
                (directory.category(category).as_str(), revision),
            ),
            Change::Product(product) => one_row(
                &transaction,
                "UPDATE product SET price = 100 + ?2 % 900, revision = ?2 WHERE code = ?1",
                (directory.product(product).as_str(), revision),
            ),
            Change::DataPackage(package) => {
                let (product, data) = directory.data_package(package);
                one_row(
                    &transaction,
                    "UPDATE data_package SET price = 250 + ?3 % 5000, revision = ?3
                        WHERE product = ?1 AND code = ?2",
                    (product.as_str(), data.as_str(), revision),
                )
            }
            Change::Discount(discount) => {
                let (user, product) = directory.discount(discount);
                one_row(
                    &transaction,
                    "UPDATE discount SET percent = ?3 % 30, revision = ?3 WHERE user = ?1 AND product = ?2",
                    (user.get(), product.as_str(), revision),
                )
            }
            Change::Merchant(merchant) => one_row(
                &transaction,
                "UPDATE merchant SET token = hex(?2), revision = ?2 WHERE code = ?1",
                (directory.merchant(merchant).as_str(), revision),
            ),
        }?;
        transaction.commit()?;
        Ok(revision)
    }
}

/// Runs an update that must find its row.
fn one_row(transaction: &Transaction<'_>, sql: &str, values: impl Params) -> rusqlite::Result<()> {
    match transaction.prepare_cached(sql)?.execute(values)? {
        1 => Ok(()),
        rows => Err(rusqlite::Error::StatementChangedRows(rows)),
    }
}
