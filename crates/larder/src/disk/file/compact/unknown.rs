//! Copies tables of a later version as they are.

use redb::{ReadTransaction, TableDefinition, TableError, WriteTransaction};

use super::{End, FileCopy};

impl FileCopy<'_> {
    /// Copies a table of a later version. redb returns rows only to a caller that knows their types. So all
    /// types that a larder table may have are tried.
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
