//! Changes the shop's database. Each transaction changes one row and assigns one revision.

use rusqlite::{Connection, Params, Transaction, TransactionBehavior};

use super::catalog::{Catalog, Change};

#[derive(Debug)]
pub(crate) struct Writer {
    connection: Connection,
}

impl Writer {
    pub(crate) const fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Commits `change`. Returns its revision, which is higher than all earlier revisions.
    pub(crate) fn apply(&mut self, change: Change, catalog: &Catalog) -> rusqlite::Result<u64> {
        // An immediate transaction holds the write lock from its start, so revisions are assigned in commit
        // order.
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
                (catalog.category(category).as_str(), revision),
            ),
            Change::Product(product) => one_row(
                &transaction,
                "UPDATE product SET price = 100 + ?2 % 900, revision = ?2 WHERE code = ?1",
                (catalog.product(product).as_str(), revision),
            ),
            Change::DataPackage(package) => {
                let (product, data) = catalog.data_package(package);
                one_row(
                    &transaction,
                    "UPDATE data_package SET price = 250 + ?3 % 5000, revision = ?3
                        WHERE product = ?1 AND code = ?2",
                    (product.as_str(), data.as_str(), revision),
                )
            }
            Change::Discount(discount) => {
                let (user, product) = catalog.discount(discount);
                one_row(
                    &transaction,
                    "UPDATE discount SET percent = ?3 % 30, revision = ?3 WHERE user = ?1 AND product = ?2",
                    (user.get(), product.as_str(), revision),
                )
            }
            Change::Merchant(merchant) => one_row(
                &transaction,
                "UPDATE merchant SET token = hex(?2), revision = ?2 WHERE code = ?1",
                (catalog.merchant(merchant).as_str(), revision),
            ),
        }?;
        transaction.commit()?;
        Ok(revision)
    }
}

/// Runs an update that must change exactly one row.
fn one_row(transaction: &Transaction<'_>, sql: &str, values: impl Params) -> rusqlite::Result<()> {
    match transaction.prepare_cached(sql)?.execute(values)? {
        1 => Ok(()),
        rows => Err(rusqlite::Error::StatementChangedRows(rows)),
    }
}
