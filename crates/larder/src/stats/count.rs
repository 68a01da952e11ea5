//! The counts of a keyspace, and the statistics that include each count. This file has the only table of the
//! counters.
//!
//! A new counter needs a row here, and a documented field in each public struct that the row names. The
//! macro generates the sums from the row. A metric of the counter is a row in `ops/metrics/names.rs`. The
//! macro does not declare the fields, because each struct documents a count differently.

use super::cumulative::CumulativeStats;
use super::{KeyspaceStats, Stats};

/// Number of counts that fit into a stripe. Sixteen counts fill two CPU cache lines.
pub(super) const COUNTS: usize = 16;

/// Each row has a count and its field in [`KeyspaceStats`], then the fields in [`Stats`] and
/// [`CumulativeStats`] that include the count, if any.
macro_rules! counts {
    ($($count:ident: $keyspace:ident $(, Stats $($stats:ident).+)? $(, CumulativeStats $cumulative:ident)?;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Count {
            $($count,)+
        }

        const _: () = assert!([$(Count::$count),+].len() <= COUNTS);

        impl KeyspaceStats {
            pub(crate) fn set_counts(&mut self, sums: &Sums) {
                $(self.$keyspace = sums.of(Count::$count);)+
            }
        }

        impl Stats {
            /// Adds those counts of a keyspace that have a field in `Stats`. Disk hits are added elsewhere,
            /// because the cache may have no disk tier.
            pub(crate) fn add_counts(&mut self, keyspace: &KeyspaceStats) {
                $($(self.$($stats).+ += keyspace.$keyspace;)?)+
            }
        }

        impl CumulativeStats {
            pub(crate) fn of_keyspace(sums: &Sums) -> Self {
                let mut counts = Self::default();
                $($(counts.$cumulative = sums.of(Count::$count);)?)+
                counts
            }
        }
    };
}

counts! {
    MemoryHits: memory_hits, Stats memory.hits, CumulativeStats memory_hits;
    DiskHits: disk_hits, CumulativeStats disk_hits;
    Misses: misses, Stats misses, CumulativeStats misses;
    Loads: loads, Stats loads, CumulativeStats loads;
    LoadFailures: load_failures, Stats load_failures, CumulativeStats load_failures;
    StaleAnswers: stale_answers, Stats stale_answers, CumulativeStats stale_answers;
    Refreshes: refreshes, Stats refreshes, CumulativeStats refreshes;
    RefreshesRefused: refreshes_refused, Stats refreshes_refused, CumulativeStats refreshes_refused;
    AbsentAnswers: absent_answers, Stats absent_answers, CumulativeStats absent_answers;
    VoidedFills: voided_fills, Stats voided_fills, CumulativeStats voided_fills;
    Uncacheable: uncacheable, Stats uncacheable, CumulativeStats uncacheable;
    Promotions: promotions, Stats promotions, CumulativeStats promotions;
    Inserts: inserts, Stats inserts, CumulativeStats inserts;
    Invalidations: invalidations, Stats invalidations, CumulativeStats invalidations;
    Undecodable: undecodable, CumulativeStats undecodable;
    TooLargeForDisk: too_large_for_disk, Stats too_large_for_disk;
}

/// The counts of a keyspace, summed over all threads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sums(pub(super) [u64; COUNTS]);

impl Sums {
    pub(crate) fn of(&self, count: Count) -> u64 {
        self.0.get(count as usize).copied().unwrap_or(0)
    }
}
