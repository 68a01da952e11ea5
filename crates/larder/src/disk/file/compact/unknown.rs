//! Copies the tables of a later version unchanged.

use redb::{ReadTransaction, TableDefinition, TableError, WriteTransaction};

use super::{End, FileCopy};

impl FileCopy<'_> {
    /// Copies a table of a later version. redb opens a table only with the right types of key and value, so
    /// this function tries a list of pairs of types.
    pub(super) fn copy_unknown(
        &mut self,
        old: &ReadTransaction,
        new: &WriteTransaction,
        name: &str,
    ) -> Result<End, redb::Error> {
        macro_rules! with_types {
            ($(($key:ty, $value:ty)),+) => {$(
                let table: TableDefinition<'_, $key, $value> = TableDefinition::new(name);
                match old.open_table(table) {
                    Ok(_) => return self.copy_table(old, new, table),
                    Err(TableError::TableTypeMismatch { .. } | TableError::TypeDefinitionChanged { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            )+};
        }
        with_types!(
            (&[u8], &[u8]),
            (&[u8], ()),
            (&[u8], &str),
            (&[u8], u64),
            (&[u8], u32),
            (&str, &[u8]),
            (&str, &str),
            (&str, u64),
            (&str, ()),
            (u64, &[u8]),
            (u64, &str),
            (u64, u64),
            (u64, ()),
            (u32, &[u8]),
            (u32, &str),
            (u32, u64),
            (u32, u32),
            (u32, ())
        );
        Ok(End::Unknown(name.to_owned()))
    }
}
