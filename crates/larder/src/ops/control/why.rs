//! Explains in sentences why a lookup of a key hits or misses.

use super::judge::KeyEvidence;
use super::status::{EntryState, FoundIn, KeyStatus};
use crate::format::keyspace_id::LowestTier;
use crate::format::record::Damage;
use crate::memory::shard::describe::SlotContent;
use crate::stats::DiskState;
use crate::units::Timestamp;

/// What the explanation needs besides the content of memory and the file for the key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) is_open: bool,
    pub(super) lowest_tier: LowestTier,
    pub(super) has_file: bool,
    pub(super) disk: DiskState,
    /// The reason why the disk tier is off.
    pub(super) off: Option<&'a str>,
    /// The reason why the disk could not be read.
    pub(super) fault: Option<&'a str>,
    /// The reason why the record does not decode as the application's type.
    pub(super) undecodable: Option<&'a str>,
}

pub(super) fn explain(known: &KeyEvidence<'_>, status: &KeyStatus, around: &Surroundings<'_>) -> String {
    let mut said = match status.state {
        EntryState::Live => live(known, status, around),
        EntryState::KnownAbsent => known_absent(known, status, around),
        EntryState::Removed if known.memory.slot.is_some() => {
            format!("It was removed: the removal holds, and is still to be committed{}.", until(around))
        }
        EntryState::Removed => {
            "It was removed with others after it was written: the removal holds, and its record is still to be deleted."
                .to_owned()
        }
        EntryState::Expired => {
            let place = if known.memory.slot.is_some() { "memory" } else { "disk" };
            let since = status.expires_at_ms.map_or(0, |at| known.now.as_millis().saturating_sub(at));
            format!("It has expired {} s ago, and is not swept from {place} yet.", since / 1000)
        }
        EntryState::OtherVersion => format!(
            "Its record is of version {} of the keyspace, which is open with version {}.",
            status.version.unwrap_or_default(),
            known.version.unwrap_or_default(),
        ),
        EntryState::Damaged => {
            let cause = known.disk.and_then(Result::err).map_or("", Damage::cause);
            format!("Its record on disk is damaged: {cause}. A lookup counts a miss, and loads it anew.")
        }
        EntryState::Undecodable => format!(
            "Its record on disk is whole, and no value of the application's type: {}. A lookup counts a miss, and loads it anew.",
            around.undecodable.unwrap_or_default()
        ),
        EntryState::Absent | EntryState::Unknown => absent(around),
    };
    if status.is_loading {
        said += " A caller is loading it at this moment.";
    }
    said
}

fn live(known: &KeyEvidence<'_>, status: &KeyStatus, around: &Surroundings<'_>) -> String {
    let place = match (status.found_in, &known.memory.slot) {
        (Some(FoundIn::Disk), _) if !around.is_open => {
            "It is on disk. This process has not opened the keyspace."
        }
        (Some(FoundIn::Disk), _) => {
            "It is on disk, and not in memory: the next lookup reads it from there, and copies it into memory."
        }
        (Some(FoundIn::Both), _) => "It is in memory and on disk.",
        (_, Some(slot)) => return in_memory(known, slot, around),
        (_, None) => "It is in memory.",
    };
    place.to_owned()
}

/// Explains an absence: when it expires, and which tiers have it.
fn known_absent(known: &KeyEvidence<'_>, status: &KeyStatus, around: &Surroundings<'_>) -> String {
    let ends = match status.expires_at_ms.map(Timestamp::from_millis) {
        Some(expires_at) if !expires_at.is_never() => {
            format!("for {} s more", expires_at.since(known.now).as_secs())
        }
        _ => "until it is removed or written".to_owned(),
    };
    format!(
        "It is known to be absent {ends}: a load found that the source has no value for it, and lookups do not \
         ask again until then. {}",
        live(known, status, around)
    )
}

fn in_memory(known: &KeyEvidence<'_>, slot: &SlotContent, around: &Surroundings<'_>) -> String {
    let never = "it ends with the process";
    match around.lowest_tier {
        LowestTier::Remote => return "It is a near copy of what the server has.".to_owned(),
        LowestTier::Memory | LowestTier::File if !around.has_file => {
            return format!("It is in memory. The cache has no file: {never}.");
        }
        LowestTier::Memory => {
            return format!("It is in memory. Its keyspace is kept in memory alone: {never}.");
        }
        LowestTier::File => {}
    }
    if !known.is_unflushed(slot) {
        return "It is in memory, and the file does not have it: the file evicted it, its value is too large for the file, or it was written while the disk tier was off. A restart loses it."
            .to_owned();
    }
    let mut said = if slot.unsaved.as_ref().is_some_and(|unsaved| !unsaved.fits_file) {
        format!(
            "It is in memory. Its value is too large for the file, whose next commit only deletes what it replaces{}.",
            until(around)
        )
    } else {
        format!("It is in memory, and still to be committed{}: a crash now would lose it.", until(around))
    };
    if slot.hides_removal {
        said += " It follows a removal that is committed with it.";
    }
    said
}

/// Returns the end of a sentence about a pending commit: the commit waits until the disk tier is on again.
/// Returns an empty string if the disk tier is on.
fn until(around: &Surroundings<'_>) -> String {
    match (around.disk, around.off) {
        (DiskState::On, _) => String::new(),
        (_, Some(off)) => format!(", when the disk tier is on again (it is off: {off})"),
        (_, None) => ", when the disk tier is on again".to_owned(),
    }
}

fn absent(around: &Surroundings<'_>) -> String {
    const GONE: &str = "it was never written, or has been removed, evicted or swept";
    if let Some(fault) = around.fault {
        return format!("Memory does not have it, and the disk can't be read: {fault}.");
    }
    match around.lowest_tier {
        LowestTier::Remote => return "Memory has no near copy of it. The server may have it.".to_owned(),
        LowestTier::Memory | LowestTier::File if !around.has_file => {
            return format!("Memory does not have it, and the cache has no file: {GONE}.");
        }
        LowestTier::Memory => {
            return format!("Memory does not have it, and its keyspace is kept in memory alone: {GONE}.");
        }
        LowestTier::File => {}
    }
    match (around.disk, around.off) {
        (DiskState::On, _) => format!("Neither memory nor the disk has it: {GONE}."),
        (_, off) => format!(
            "Memory does not have it, and the disk tier is off{}.",
            off.map_or_else(String::new, |off| format!(": {off}"))
        ),
    }
}
