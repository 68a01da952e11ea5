//! Statistics: the counts of a cache, and their text for people.

pub(crate) mod cause;
pub(crate) mod count;
pub(crate) mod counters;
pub(crate) mod cumulative;
mod display;
pub(crate) mod latency;
pub(crate) mod observe;
pub(crate) mod opened;
pub(crate) mod recent;
pub(crate) mod remote;
pub(crate) mod seconds;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use cumulative::CumulativeStats;
use latency::Latencies;

use recent::Recent;
use remote::RemoteStats;

use crate::units::ByteSize;

/// The counts of a cache since it was opened, and the number and size of its entries.
/// [`Cache::stats`](crate::Cache::stats) returns this struct.
///
/// The counts are read one after another while the cache is in use. So two counts may disagree about an
/// operation that completes between the two reads.
///
/// `Display` prints tables. `{stats}` prints each row as one line. `{stats:80}` folds the tables for a
/// terminal of 80 columns.
///
/// # Examples
///
/// ```
/// let cache = larder::Cache::builder().open()?;
/// assert!(cache.stats().to_string().contains("no lookups yet"));
/// let lines = format!("{:40}", cache.stats());
/// assert!(lines.lines().all(|line| line.chars().count() <= 40));
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Stats {
    /// How long the cache has been open.
    #[serde(with = "seconds")]
    pub uptime: Duration,
    /// The memory tier.
    pub memory: MemoryStats,
    /// The disk tier, or `None` in a cache without a file.
    pub disk: Option<DiskStats>,
    /// The remote tier, or `None` in a cache without one.
    pub remote: Option<RemoteStats>,
    /// Lookups that no tier could answer. These include lookups that waited for another caller's load.
    pub misses: u64,
    /// Loads that were begun: a [`LoadLease`](crate::LoadLease) is one load, and a loader of several keys is
    /// one load for each key.
    pub loads: u64,
    /// Loads that failed: the loader returned an error or panicked, or the lease was dropped without a
    /// result.
    pub load_failures: u64,
    /// The sum of [`KeyspaceStats::stale_answers`].
    pub stale_answers: u64,
    /// The sum of [`KeyspaceStats::refreshes`].
    pub refreshes: u64,
    /// The sum of [`KeyspaceStats::refreshes_refused`].
    pub refreshes_refused: u64,
    /// The sum of [`KeyspaceStats::absent_answers`].
    pub absent_answers: u64,
    /// Loaded or promoted values that were not cached, for example because their key was written or
    /// invalidated in the meantime, because the load passed its deadline, or because another lookup had
    /// already cached the value.
    pub voided_fills: u64,
    /// Loaded values that could not be cached. They were too large, could not be encoded, or found no room
    /// in memory and would not be saved. The next caller loads the value again. The log reports the cause
    /// once for each keyspace.
    pub uncacheable: u64,
    /// Hits on disk or at the server that were copied into memory.
    pub promotions: u64,
    /// Values kept only in memory, because their page in the file would be larger than a sixteenth of the
    /// disk capacity, or than a region of a file that was created for a smaller capacity. The log reports the
    /// first of them for each keyspace.
    pub too_large_for_disk: u64,
    /// Values that the application stored, including the values of atomic changes and of touches. Values from
    /// loaders are stored as well, but are counted only under `loads`.
    pub inserts: u64,
    /// Removals by the application. Each removed key, prefix, pattern or keyspace counts once, even if it
    /// had no entry. [`Cache::clear`](crate::Cache::clear) counts once for each open keyspace. Removals
    /// through the control socket are not included.
    pub invalidations: u64,
    /// Size of the values that are acknowledged and not yet committed, with their encodings and 252 bytes of
    /// bookkeeping per value, as [`CacheBuilder::write_buffer`](crate::CacheBuilder::write_buffer) counts
    /// them. It exceeds `write_buffer` only while a single value is larger than the write buffer.
    pub unsaved_bytes: ByteSize,
    /// [`CacheBuilder::write_buffer`](crate::CacheBuilder::write_buffer): the limit of `unsaved_bytes`.
    pub write_buffer: ByteSize,
    /// The statistics of each keyspace that was opened, sorted by name. If a keyspace was opened again with
    /// another version, its counts go on from those of the earlier version.
    pub keyspaces: Vec<KeyspaceStats>,
    /// Counts since the file was created, including the counts above. `None` in a cache without a file.
    pub lifetime: Option<CumulativeStats>,
    /// The counts of about the last minute, at first of a shorter period, and of the last ten minutes once
    /// the cache has been open that long. The shorter period comes first. Empty in a cache without a file.
    pub recent: Vec<Recent>,
}

/// The memory tier's part of [`Stats`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MemoryStats {
    /// Lookups answered from memory.
    pub hits: u64,
    /// Number of entries, including those in the write buffer and keys that are known to be absent.
    pub entries: u64,
    /// The reserved part of `capacity`. It never exceeds `capacity`. It includes the weight of the clean
    /// entries, which are committed or will never be committed. A value larger than the write buffer also
    /// reserves a part of the capacity until it is committed. Other entries in the write buffer are not
    /// included: see `unsaved_weight`.
    pub weight: ByteSize,
    /// Weight of the entries in the write buffer, which are acknowledged and not yet committed. It stays
    /// within the size of the write buffer, except while a single value larger than the write buffer is the
    /// only entry in it. [`Stats::unsaved_bytes`] also includes the encodings and the bookkeeping.
    pub unsaved_weight: ByteSize,
    /// Maximum weight of clean entries.
    pub capacity: ByteSize,
    /// Entries evicted for room.
    pub evictions: u64,
    /// Expired entries that were removed.
    pub expirations: u64,
    /// Values that memory did not keep for lack of room. A value that the disk or the server has is then only
    /// there.
    pub bypassed: u64,
}

/// The state of the disk tier. `docs/design.md` has a diagram of the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DiskState {
    /// Writes are committed, and lookups read the disk.
    #[default]
    On,
    /// The disk failed. Lookups are answered from memory. Writes stay in the write buffer, and are committed
    /// when the file opens again.
    Suspended,
    /// The cache no longer uses the file. Entries are only in memory until a new file can be created.
    Discarded,
}

/// The disk tier's part of [`Stats`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DiskStats {
    /// Lookups answered from disk.
    pub hits: u64,
    /// Committed entries. These include expired entries that are not swept yet, keys that are known to be
    /// absent, and entries that a pending large removal still has to delete.
    pub entries: u64,
    /// The disk space charged for these entries and for the entries of retired keyspaces.
    pub bytes: ByteSize,
    /// Removals of many keys that are already visible, but whose entries are still being deleted.
    pub pending_removals: u64,
    /// The maximum of `bytes`. A full cache comes close to it. The store needs the rest of the capacity to
    /// change its pages. The maximum is lower in small files. It also falls when the file is close to its
    /// capacity and still grows, for example when the sizes of values change.
    pub usable_bytes: ByteSize,
    /// Length of the file after the last commit. A file with holes takes less space.
    pub file_bytes: ByteSize,
    /// Space that the file takes on its disk, as `du` reports it. `None` if the file system's count is
    /// unreliable.
    pub allocated_bytes: Option<ByteSize>,
    /// Maximum size of the file. It limits the bytes on disk if `allocated_bytes` is known, and otherwise
    /// the length.
    pub capacity: ByteSize,
    /// Committed transactions.
    pub commits: u64,
    /// Entries evicted for room.
    pub evictions: u64,
    /// Expired entries that were deleted.
    pub expirations: u64,
    /// Entries found in the file when it was opened.
    pub recovered_entries: u64,
    /// Whether the previous owner closed the file. True for a new file.
    pub was_closed_cleanly: bool,
    /// Reads that found a damaged record. Lookups, writes and removals read records. A lookup that finds a
    /// damaged record is a miss. A record that is read several times counts each time.
    pub damaged_records: u64,
    /// Reads for which the store returned an error. A lookup whose read fails is a miss.
    pub read_faults: u64,
    /// Lookups that a filter in memory answered without a read of the file, because the file lacks the key.
    /// Each round of a transaction or of an atomic change is a lookup.
    pub filtered: u64,
    /// Reads of the file that found no record. The filter mistakes a few in a hundred missing keys for keys
    /// that the file has. At first it does not know the keyspaces that the file already had when it was
    /// opened. After many such reads, the cache builds a filter of all keys.
    pub unfound: u64,
    /// Size of the filter in memory. It is not a part of [`MemoryStats::weight`].
    pub filter_bytes: ByteSize,
    /// Uses whose later expiry was not recorded on disk
    /// ([`time_to_idle`](crate::KeyspaceDefinition::time_to_idle)). Either too many uses were waiting to be
    /// recorded, or the entry was only on disk, and could not be read there. The entry may expire sooner
    /// after a restart.
    pub unstamped_uses: u64,
    /// The path to which the latest damaged file was moved.
    #[serde(serialize_with = "shown")]
    pub quarantined: Option<PathBuf>,
    /// The current state of the disk tier.
    pub state: DiskState,
    /// Why the disk tier is off. `None` while it is on.
    pub off: Option<String>,
    /// How often the store failed, including failures after which the disk tier stayed on.
    pub faults: u64,
    /// How often the disk tier was suspended.
    pub suspensions: u64,
    /// How often the file was discarded with its entries, because of a failure or of damage.
    pub discards: u64,
    /// How often the disk tier came back.
    pub recoveries: u64,
    /// How often the file was found damaged, when it was opened or in use. A damaged file is moved aside if
    /// possible.
    pub quarantines: u64,
    /// How long the disk tier was off, summed over all outages.
    #[serde(with = "seconds")]
    pub degraded: Duration,
    /// How long the oldest uncommitted insert has been waiting. If this time exceeds the flush interval plus
    /// the duration of a commit, the disk is too slow for the writes.
    #[serde(with = "seconds")]
    pub flush_lag: Duration,
    /// [`CacheBuilder::flush_interval`](crate::CacheBuilder::flush_interval), for comparison with
    /// `flush_lag`.
    #[serde(with = "seconds")]
    pub flush_interval: Duration,
    /// [`CacheBuilder::page_cache`](crate::CacheBuilder::page_cache).
    pub page_cache: ByteSize,
    /// The age of the committed state that lookups on disk see. It grows while no write is committed.
    #[serde(with = "seconds")]
    pub snapshot_age: Duration,
    /// How long commits took.
    pub commit_latency: Latencies,
}

/// One keyspace's part of [`Stats`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct KeyspaceStats {
    /// The name of the keyspace.
    pub name: String,
    /// Lookups answered from memory.
    pub memory_hits: u64,
    /// Lookups answered from disk, or by the server of a remote tier.
    pub disk_hits: u64,
    /// Lookups that no tier could answer.
    pub misses: u64,
    /// Loads that were begun: a [`LoadLease`](crate::LoadLease) is one load, and a loader of several keys is
    /// one load for each key.
    pub loads: u64,
    /// Loads that failed: the loader returned an error or panicked, or the lease was dropped without a
    /// result.
    pub load_failures: u64,
    /// Failed loads that were answered with a stale value ([`grace`](crate::KeyspaceDefinition::grace)), and
    /// answers with a stale value during the cool-down after a failure.
    pub stale_answers: u64,
    /// Refreshes that were started: loads of registered loaders that began while the key had a live value
    /// ([`LoadPolicy`](crate::LoadPolicy)). Each refresh also counts under `loads` once its loader runs.
    pub refreshes: u64,
    /// Refreshes that were not started, because the pool and its queue were full
    /// ([`load_threads`](crate::CacheBuilder::load_threads)), because the maximum number of tasks was running
    /// ([`load_tasks`](crate::CacheBuilder::load_tasks)), or because no thread or task could be started. A
    /// possible reason is that loads hang.
    pub refreshes_refused: u64,
    /// Lookups answered with a cached absence: the source has no value
    /// ([`absent_ttl`](crate::KeyspaceDefinition::absent_ttl)). They are neither hits nor misses. A call
    /// that does not return absences, such as [`get`](crate::Keyspace::get), counts a miss instead.
    pub absent_answers: u64,
    /// How long loaders ran, including loaders that failed.
    pub load_latency: Latencies,
    /// Hits on disk or at the server that were copied into memory.
    pub promotions: u64,
    /// Loaded or promoted values that were not cached, for example because their key was written or
    /// invalidated in the meantime, because the load passed its deadline, or because another lookup had
    /// already cached the value.
    pub voided_fills: u64,
    /// Loaded values that could not be cached. They were too large, could not be encoded, or found no room
    /// in memory and would not be saved. The next caller loads the value again. The log reports the cause
    /// once for each keyspace.
    pub uncacheable: u64,
    /// Why the latest of these values could not be cached.
    pub uncacheable_cause: Option<String>,
    /// Values kept only in memory, because their page in the file would be larger than a sixteenth of the
    /// disk capacity, or than a region of a file that was created for a smaller capacity. The log reports the
    /// first of them.
    pub too_large_for_disk: u64,
    /// The size of the latest of these values, and the settings that would allow it.
    pub too_large_for_disk_cause: Option<String>,
    /// Values that the application stored, including the values of atomic changes and of touches. Values from
    /// loaders are stored as well, but are counted only under `loads`.
    pub inserts: u64,
    /// Removals by the application from this keyspace. Each removed key, prefix or pattern counts once,
    /// even if it had no entry. The removal of the whole keyspace counts once. Removals through the control
    /// socket are not included.
    pub invalidations: u64,
    /// Entries in memory, including those in the write buffer and keys that are known to be absent.
    pub memory_entries: u64,
    /// Weight of the keyspace's clean entries: the keyspace's part of the memory capacity.
    pub memory_weight: ByteSize,
    /// Weight of the keyspace's entries in the write buffer.
    pub unsaved_weight: ByteSize,
    /// Entries evicted from memory for room.
    pub memory_evictions: u64,
    /// Expired entries removed from memory.
    pub memory_expirations: u64,
    /// Entries on disk, including keys that are known to be absent.
    pub disk_entries: u64,
    /// The disk space charged for these entries.
    pub disk_bytes: ByteSize,
    /// Entries evicted from disk for room.
    pub disk_evictions: u64,
    /// Expired entries deleted from disk.
    pub disk_expirations: u64,
    /// Lookups that found a record whose value could not be decoded. Each of them was a miss. The log
    /// reports the first of a keyspace, with the cause. Possible causes: the type has changed without a new
    /// version, the type needs [`Format::MessagePack`](crate::Format::MessagePack), another version of
    /// larder wrote the record, or Zstandard is not built in.
    pub undecodable: u64,
    /// Why the latest of these values could not be decoded.
    pub undecodable_cause: Option<String>,
}

impl Stats {
    /// Returns the number of lookups: memory hits, hits on disk or at the server, and misses.
    #[must_use]
    pub fn requests(&self) -> u64 {
        let below =
            self.disk.as_ref().map(|disk| disk.hits).or(self.remote.as_ref().map(|remote| remote.hits));
        self.memory.hits.saturating_add(below.unwrap_or_default()).saturating_add(self.misses)
    }

    /// Returns the share of lookups that memory, the disk or the server answered, from 0 to 1. Returns 0
    /// before the first lookup.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        share(self.requests() - self.misses, self.requests())
    }
}

impl KeyspaceStats {
    /// Returns the share of this keyspace's lookups that memory, the disk or the server answered, from 0 to
    /// 1. Returns 0 before the first lookup.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        let hits = self.memory_hits.saturating_add(self.disk_hits);
        share(hits, hits.saturating_add(self.misses))
    }
}

/// Serializes a path as text. Bytes that are not valid UTF-8 are replaced.
#[expect(clippy::ref_option, reason = "as serde asks for it")]
fn shown<S: Serializer>(path: &Option<PathBuf>, out: S) -> Result<S::Ok, S::Error> {
    path.as_deref().map(Path::to_string_lossy).serialize(out)
}

#[expect(clippy::cast_precision_loss, reason = "a share of counts, for people")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_shares_of_all_lookups() {
        let memory = MemoryStats { hits: 6, ..MemoryStats::default() };
        let disk = Some(DiskStats { hits: 3, ..DiskStats::default() });
        let stats = Stats { memory, disk, misses: 1, ..Stats::default() };
        assert_eq!(stats.requests(), 10);
        assert!((stats.hit_rate() - 0.9).abs() < 1e-9);
        assert!(Stats::default().hit_rate().abs() < f64::EPSILON);
    }

    #[test]
    fn a_person_can_read_the_table() {
        let name = "product".to_owned();
        let keyspaces = vec![KeyspaceStats { name, memory_hits: 3, misses: 1, ..KeyspaceStats::default() }];
        let off = Some("no space left on device".to_owned());
        let disk = Some(DiskStats { capacity: ByteSize::gib(1), off, ..DiskStats::default() });
        let text = Stats { disk, keyspaces, ..Stats::default() }.to_string();
        for expected in ["memory", "1 GiB", "THE DISK TIER IS OFF: no space left", "product", "75.00 %"] {
            assert!(text.contains(expected), "{expected:?} is missing from\n{text}");
        }
    }
}
