//! Reads one key or a page of keys of a live cache. Reading changes no statistics and promotes nothing.
//!
//! Like a lookup, a read checks memory first, then the disk. So it finds an entry that is committed and
//! leaves memory during the read. A page is built in these steps:
//!
//! 1. List the keys in memory.
//! 2. Read the keys on disk, from one snapshot. If an entry is committed and evicted between (1) and (2),
//!    both lists have it. If the disk were read before memory, such an entry would be in neither list.
//! 3. If there is a disk tier, list the keys in memory again. Between (1) and (2), an entry may leave the
//!    disk and stay in memory: its new value is too large for the file, or the file evicts the entry after
//!    its promotion. Only this step finds such an entry.
//! 4. Read the slot of each listed key in memory. If the key has no slot and (2) did not find it, look the
//!    key up again, because a later snapshot may have its entry.
//!
//! So a page has no entry that was removed before the request, and every entry that is live during all
//! steps, with one exception: an entry is not in the page if it leaves the disk between (1) and (2), and
//! leaves memory again between (2) and (3).
//!
//! The number of keys in a page, their bytes, and the time spent reading the disk are bounded, so each list
//! may end early. The page ends at the smallest last key of the lists that ended early.

use std::collections::BTreeMap;
use std::time::Duration;

use super::judge::{KeyEvidence, OnDisk};
use super::protocol::{MAX_PAGE, MAX_VALUE_SENT};
use super::refusal::{Refusal, RefusalKind};
use super::status::{EntryState, FoundIn, KeyStatus, KeysPage};
use super::target::Target;
use super::why::{Surroundings, explain};
use crate::engine::shared::Shared;
use crate::format::codec::checks::quotes_nothing;
use crate::format::codec::compression::inflate;
use crate::format::codec::erased::Encoding;
use crate::format::key::spelling::spell_hex;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::record;
use crate::format::record::{Damage, Extension, PayloadCompression};
use crate::memory::shard::describe::KeyInMemory;
use crate::stats::DiskState;
use crate::stats::cause::Cause;
use crate::sys::clock::Deadline;

/// Default number of keys in a page.
const PAGE: u32 = 256;
/// A page ends when its keys have at least this many bytes.
const PAGE_BYTES: usize = 256 << 10;
/// A page ends when reading the disk has taken this time. During this time the writer may be unable to
/// reuse space.
const PAGE_TIME: Duration = Duration::from_millis(50);

/// What a request needs besides the state of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyQuery {
    Status,
    Value,
    Why,
}

/// Returns the status of one key, given its encoded bytes.
pub(super) fn key(shared: &Shared, target: &Target, key: &[u8], wants: KeyQuery) -> KeyStatus {
    let full = [&target.id.to_bytes(), key].concat();
    let memory = shared.tiers.memory.describe(&full);
    let (bytes, fault) = match shared.tiers.show_record(&full) {
        _ if !target.id.is_in_file() => (None, None),
        Ok(bytes) => (bytes, None),
        Err(fault) => (None, Some(fault)),
    };
    let disk = bytes.as_deref().map(|bytes| OnDisk::read(&full, bytes));
    let known = KeyEvidence { memory: &memory, disk, version: target.version, now: shared.tiers.time.now() };
    let mut status = known.status();
    status.key = spell_hex(key);
    if wants == KeyQuery::Status {
        return status;
    }
    let payload = bytes.as_deref().and_then(|bytes| record::read(&full, bytes).ok());
    let undecodable = undecodable(target, &status, payload);
    if undecodable.is_some() {
        status.state = EntryState::Undecodable;
        (status.found_in, status.ttl_ms) = (None, None);
    }
    status.value_format = target.format;
    let asked = matches!(status.state, EntryState::Live) && wants == KeyQuery::Value;
    match encoded(target, &memory, &status, payload, if asked { MAX_VALUE_SENT } else { 0 }) {
        _ if status.state != EntryState::Live => {}
        Ok(Encoding::TooLong(len)) => {
            status.value_bytes = Some((len as u64).into());
            status.value_withheld = asked.then(|| too_long(len));
        }
        Ok(Encoding::Whole(value)) => {
            status.value_bytes = Some((value.len() as u64).into());
            if asked && shared.settings.control_values {
                status.value = Some(spell_hex(&value));
            }
        }
        Err(why) => status.value_withheld = asked.then_some(why),
    }
    if asked && !shared.settings.control_values {
        status.value_withheld = Some(NOT_ALLOWED.to_owned());
    }
    if wants == KeyQuery::Why {
        let (disk, off) = shared.tiers.disk.with_status(|status| (status.state, status.off.clone()));
        let around = Surroundings {
            is_open: target.codec.is_some(),
            lowest_tier: target.id.lowest_tier(),
            has_file: shared.tiers.has_disk(),
            disk: if shared.tiers.disk.is_on() { DiskState::On } else { disk },
            off: off.as_deref(),
            fault: fault.as_deref(),
            undecodable: undecodable.as_deref().map(|why| reason(shared, why)),
        };
        status.why = Some(explain(&known, &status, &around));
    }
    status
}

const NOT_ALLOWED: &str = "the application does not allow values to be shown: it would by CacheBuilder::control_values(true), or control_values=on in its URL";

const REASON_NOT_ALLOWED: &str = "the reason may quote it, and the application does not allow values to be shown: it would by CacheBuilder::control_values(true), or control_values=on in its URL; the process's log has the reason of the first";

/// Returns `why`, the reason why a record does not decode. Returns a fixed text instead if `why` may quote
/// the value and the application does not allow values to be shown.
pub(super) fn reason<'a>(shared: &Shared, why: &'a str) -> &'a str {
    if shared.settings.control_values || quotes_nothing(why) { why } else { REASON_NOT_ALLOWED }
}

/// Returns the text of a cause. Returns a fixed text instead if the cause may quote a value and the
/// application does not allow values to be shown.
pub(super) fn cause(shared: &Shared, cause: Cause) -> String {
    if shared.settings.control_values || !cause.may_quote {
        cause.text
    } else {
        REASON_NOT_ALLOWED.to_owned()
    }
}

fn too_long(len: usize) -> String {
    format!(
        "the value has {len} bytes, and the socket sends up to {MAX_VALUE_SENT}: look into the file for it"
    )
}

type RecordParts<'a> = (record::Header, Extension, &'a [u8]);

/// Returns the reason why the record that a lookup finds on disk does not decode. Returns `None` if it
/// decodes, if a lookup finds no value there, or if the keyspace is not open.
fn undecodable(target: &Target, status: &KeyStatus, payload: Option<RecordParts<'_>>) -> Option<String> {
    if status.found_in != Some(FoundIn::Disk) || status.state != EntryState::Live {
        return None;
    }
    let (codec, (header, extension, payload)) = target.codec.zip(payload)?;
    codec.try_decode(header.compression, &extension, payload).err().map(|error| error.to_string())
}

/// Returns the encoded value that a lookup finds, or only its length if it has more than `most` bytes. The
/// error says why there is no value.
fn encoded(
    target: &Target,
    memory: &KeyInMemory,
    status: &KeyStatus,
    payload: Option<RecordParts<'_>>,
    most: usize,
) -> Result<Encoding, String> {
    let on_disk = payload.filter(|_| matches!(status.found_in, Some(FoundIn::Disk | FoundIn::Both)));
    if let Some((header, extension, payload)) = on_disk {
        return inflated(header.compression, extension, payload, most);
    }
    let Some(slot) = &memory.slot else { return Err("there is none".to_owned()) };
    if let Some(unsaved) = slot.unsaved.as_ref().filter(|unsaved| unsaved.fits_file) {
        return inflated(unsaved.compression, unsaved.extension.unpack(), &unsaved.payload, most);
    }
    let Some((codec, value)) = target.codec.zip(slot.value.as_ref()) else {
        return Err("there is none".to_owned());
    };
    codec.encode(&**value, most).map_err(|error| format!("the value can't be encoded: {error}"))
}

fn inflated(
    compression: PayloadCompression,
    extension: Extension,
    payload: &[u8],
    most: usize,
) -> Result<Encoding, String> {
    let len = match compression {
        PayloadCompression::None => payload.len(),
        _ => extension.inflated_len.map_or(payload.len(), |len| len as usize),
    };
    if len > most {
        return Ok(Encoding::TooLong(len));
    }
    match compression {
        PayloadCompression::None => Ok(Encoding::Whole(payload.to_vec())),
        how => inflate(how, payload, extension.inflated_len)
            .map(Encoding::Whole)
            .map_err(|error| format!("the value can't be inflated: {error}")),
    }
}

#[derive(Debug)]
pub(super) struct PageRequest<'a> {
    /// The encoded prefix, without the number of the keyspace.
    pub(super) prefix: &'a [u8],
    /// The page begins after this key.
    pub(super) after: Option<&'a [u8]>,
    pub(super) limit: Option<u32>,
    /// Whether the page also has keys without a live value.
    pub(super) all: bool,
}

/// A point between two steps of a page, at which a test can act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PageStep {
    Listed,
    Read,
}

pub(super) fn page(shared: &Shared, target: &Target, asked: &PageRequest<'_>) -> Result<KeysPage, Refusal> {
    page_in_steps(shared, target, asked, PAGE_TIME, |_| ())
}

/// Builds a page. Calls `between` after steps 1 and 2, so that tests can act there.
fn page_in_steps(
    shared: &Shared,
    target: &Target,
    asked: &PageRequest<'_>,
    time: Duration,
    mut between: impl FnMut(PageStep),
) -> Result<KeysPage, Refusal> {
    let id = target.id.to_bytes();
    let (prefix, after) = ([&id, asked.prefix].concat(), asked.after.map(|after| [&id, after].concat()));
    let most = asked.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE) as usize;
    let tiers = &shared.tiers;
    // Step 1.
    let in_memory = tiers.memory.keys_after(&prefix, after.as_deref(), most);
    between(PageStep::Listed);
    // Step 2.
    let mut rows: Vec<(Vec<u8>, Result<OnDisk, Damage>)> = Vec::new();
    let (mut bytes, deadline) = (0, Deadline::after(time));
    let mut keep = |full: &[u8], record: &[u8]| {
        rows.push((full.to_vec(), OnDisk::read(full, record)));
        bytes += full.len();
        rows.len() < most && bytes < PAGE_BYTES && !deadline.left().is_zero()
    };
    let is_whole = !target.id.is_in_file()
        || tiers.show_records(&prefix, after.as_deref(), &mut keep).map_err(|fault| {
            Refusal::new(
                RefusalKind::Failed,
                format!("the disk can't be read: {fault}"),
                "see the process's log",
            )
        })?;
    between(PageStep::Read);
    // Step 3.
    let reads_disk = tiers.has_disk() && target.id.is_in_file();
    let again = reads_disk.then(|| tiers.memory.keys_after(&prefix, after.as_deref(), most));
    let lists = [in_memory, again.unwrap_or_default()];
    let memory_ends = lists.iter().filter(|keys| keys.len() == most).filter_map(|keys| keys.last());
    let disk_end = rows.last().filter(|_| !is_whole).map(|row| row.0.clone());
    let end = memory_ends.map(|key| key.to_vec()).chain(disk_end).min();
    let mut found: BTreeMap<Vec<u8>, Option<Result<OnDisk, Damage>>> =
        rows.into_iter().map(|(full, record)| (full, Some(record))).collect();
    for full in lists.iter().flatten() {
        found.entry(full.to_vec()).or_default();
    }
    let (mut page, mut last, mut bytes) = (KeysPage::default(), None, 0);
    let mut left =
        found.into_iter().filter(|(full, _)| end.as_ref().is_none_or(|end| full <= end)).peekable();
    for (full, record) in left.by_ref().take(most) {
        // Step 4.
        let status = listed(shared, target, &full, record);
        if asked.all || status.state == EntryState::Live {
            page.keys.push(status);
        }
        bytes += full.len();
        last = Some(full);
        if bytes >= PAGE_BYTES {
            break;
        }
    }
    let next = if left.peek().is_some() { last } else { end };
    page.after = next.map(|full| spell_hex(full.get(KeyspaceId::LEN..).unwrap_or_default()));
    Ok(page)
}

/// Returns the status of a listed key. `record` is its record in the page's snapshot, if any.
fn listed(
    shared: &Shared,
    target: &Target,
    full: &[u8],
    record: Option<Result<OnDisk, Damage>>,
) -> KeyStatus {
    let key = full.get(KeyspaceId::LEN..).unwrap_or_default();
    let memory = shared.tiers.memory.describe(full);
    if record.is_none() && memory.slot.is_none() {
        // The key has left memory since it was listed, so a later snapshot may have its entry.
        return self::key(shared, target, key, KeyQuery::Status);
    }
    let known =
        KeyEvidence { memory: &memory, disk: record, version: target.version, now: shared.tiers.time.now() };
    KeyStatus { key: spell_hex(key), ..known.status() }
}

#[cfg(test)]
mod tests;
