//! The extension of a record: the optional fields. [`super`] lists their tags.

use super::fields::{Damage, Fields};
use crate::units::Timestamp;

/// Number of bytes that the tag and the length of a field take.
const FIELD_HEAD_LEN: usize = 3;
const FINGERPRINT: u8 = 1;
const INFLATED_LEN: u8 = 2;
const LOAD_MICROS: u8 = 3;
const ENDS_AT: u8 = 4;
const SINCE_ROW: u8 = 5;
/// Maximum number of bytes that the extras of an entry, fields 3 and 4, add to its record.
pub(crate) const EXTRAS_LEN: usize = FIELD_HEAD_LEN + 4 + FIELD_HEAD_LEN + 8;
/// Number of bytes that field 5 adds to a record.
pub(crate) const SINCE_ROW_LEN: usize = FIELD_HEAD_LEN + 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extension {
    pub(crate) fingerprint: Option<u64>,
    /// The length of the payload before compression.
    pub(crate) inflated_len: Option<u32>,
    pub(crate) load_micros: Option<u32>,
    /// The time at which the entry expires even if it is used. `None` if uses do not extend its life.
    pub(crate) ends_at: Option<Timestamp>,
    /// The age of the entry's expiry row when the record was written, in ms. `None` if the row has the time
    /// of writing, or if the entry expires.
    pub(crate) since_row: Option<u32>,
}

impl Extension {
    pub(super) const fn len(&self) -> usize {
        let fingerprint = if self.fingerprint.is_some() { FIELD_HEAD_LEN + 8 } else { 0 };
        let inflated_len = if self.inflated_len.is_some() { FIELD_HEAD_LEN + 4 } else { 0 };
        let load_micros = if self.load_micros.is_some() { FIELD_HEAD_LEN + 4 } else { 0 };
        let ends_at = if self.ends_at.is_some() { FIELD_HEAD_LEN + 8 } else { 0 };
        let since_row = if self.since_row.is_some() { SINCE_ROW_LEN } else { 0 };
        fingerprint + inflated_len + load_micros + ends_at + since_row
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let mut extension = Self::default();
        let (mut fields, mut last_tag) = (Fields(bytes), None);
        while !fields.0.is_empty() {
            let ill_formed = |_| Damage::Extension;
            let [tag] = fields.take().map_err(ill_formed)?;
            let len = u16::from_be_bytes(fields.take().map_err(ill_formed)?);
            let (content, rest) = fields.0.split_at_checked(len.into()).ok_or(Damage::Extension)?;
            fields.0 = rest;
            if last_tag.replace(tag).is_some_and(|last| last >= tag) {
                return Err(Damage::Extension);
            }
            match tag {
                FINGERPRINT => extension.fingerprint = Some(u64::from_be_bytes(whole(content)?)),
                INFLATED_LEN => extension.inflated_len = Some(u32::from_be_bytes(whole(content)?)),
                LOAD_MICROS => extension.load_micros = Some(u32::from_be_bytes(whole(content)?)),
                ENDS_AT => {
                    extension.ends_at = Some(Timestamp::from_millis(u64::from_be_bytes(whole(content)?)));
                }
                SINCE_ROW => extension.since_row = Some(u32::from_be_bytes(whole(content)?)),
                _ => {}
            }
        }
        Ok(extension)
    }

    /// Writes the fields in the order of their tags.
    pub(super) fn write(&self, put: &mut impl FnMut(&[u8])) {
        if let Some(fingerprint) = self.fingerprint {
            put(&[FINGERPRINT, 0, 8]);
            put(&fingerprint.to_be_bytes());
        }
        if let Some(inflated_len) = self.inflated_len {
            put(&[INFLATED_LEN, 0, 4]);
            put(&inflated_len.to_be_bytes());
        }
        if let Some(load_micros) = self.load_micros {
            put(&[LOAD_MICROS, 0, 4]);
            put(&load_micros.to_be_bytes());
        }
        if let Some(ends_at) = self.ends_at {
            put(&[ENDS_AT, 0, 8]);
            put(&ends_at.as_millis().to_be_bytes());
        }
        if let Some(since_row) = self.since_row {
            put(&[SINCE_ROW, 0, 4]);
            put(&since_row.to_be_bytes());
        }
    }
}

fn whole<const N: usize>(content: &[u8]) -> Result<[u8; N], Damage> {
    content.try_into().map_err(|_| Damage::Extension)
}
