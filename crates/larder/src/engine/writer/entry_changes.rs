//! Converts the mutations that the writer has drained, and stamps of uses, into changes for the disk tier.

use std::borrow::Cow;

use crate::disk::store::entry_change::{EntryChange, ExpiryExtension, NewValue};
use crate::memory::mutation::{Mutation, SlotChange};
use crate::memory::use_stamps::UseStamp;

/// Converts the mutations of one transaction. [`WriterLimits`](super::limits::WriterLimits) bounds their
/// number.
pub(super) fn entry_changes(mutations: &[Mutation]) -> Vec<EntryChange<'_>> {
    mutations.iter().map(entry_change).collect()
}

pub(super) fn expiry_extensions(stamps: &[UseStamp]) -> Vec<ExpiryExtension<'_>> {
    stamps.iter().map(expiry_extension).collect()
}

fn expiry_extension(stamp: &UseStamp) -> ExpiryExtension<'_> {
    let UseStamp { key, sequence, expires_at } = stamp;
    ExpiryExtension { key, sequence: *sequence, expires_at: *expires_at }
}

fn entry_change(mutation: &Mutation) -> EntryChange<'_> {
    let value = match &mutation.change {
        SlotChange::Put { unsaved, expires_at, grace, .. } => Some(NewValue {
            kind: unsaved.kind,
            payload: Cow::Borrowed(&unsaved.payload),
            compression: unsaved.compression,
            extension: unsaved.extension.unpack(),
            version: unsaved.version,
            written_at: unsaved.written_at,
            expires_at: *expires_at,
            delete_after: grace.after(*expires_at),
            fits_file: unsaved.fits_file,
        }),
        SlotChange::Delete | SlotChange::DeleteInGroup(_) => None,
    };
    let (sequence, hides_removal) = (mutation.sequence, mutation.hides_removal);
    let is_with_values = mutation.unit > 0;
    EntryChange { key: Cow::Borrowed(&mutation.key), sequence, value, hides_removal, is_with_values }
}
