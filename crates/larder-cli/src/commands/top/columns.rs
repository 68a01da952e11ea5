//! The table of keyspaces: which columns fit, the content of each column, and the order of the rows.
//!
//! Columns are chosen by rank, lowest first, if they still fit. The column by which the keyspaces are sorted
//! is chosen right after the names. The chosen columns are shown in the order of [`SPECS`]. The remaining
//! space widens first the names, then the hits over time.

use std::cmp::Ordering;

use larder::inspect::escape_control;
use larder::{KeyspaceStats, Stats};

use super::history::History;
use super::text::{bytes, count, per_second, percent, time, trend, width};

pub(super) const GAP: usize = 1;
const MIN_NAME: usize = 10;
const MAX_TREND: usize = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Name,
    Lookups,
    HitRate,
    MemoryRate,
    LookupCounts,
    Misses,
    Loads,
    HalfOfLoads,
    SlowLoads,
    Inserts,
    Invalidations,
    Evictions,
    DiskEvictions,
    Expirations,
    MemoryEntries,
    DiskEntries,
    MemoryBytes,
    DiskBytes,
    Trend,
}

#[derive(Debug)]
struct Spec {
    column: Column,
    head: &'static str,
    /// Minimum width of a column of numbers. Its head may need more. The hits over time are at least as wide
    /// as their head, so they have no minimum here.
    room: usize,
    rank: u8,
    /// The keyboard key that sorts the keyspaces by this column.
    key: Option<char>,
}

const fn spec(column: Column, head: &'static str, room: usize, rank: u8, key: Option<char>) -> Spec {
    Spec { column, head, room, rank, key }
}

/// All columns, in the order in which they are shown.
const SPECS: [Spec; 19] = [
    spec(Column::Name, "keyspace", MIN_NAME, 0, Some('n')),
    spec(Column::Lookups, "look/s", 5, 1, Some('l')),
    spec(Column::HitRate, "hit %", 5, 2, None),
    spec(Column::MemoryRate, "mem %", 5, 8, None),
    spec(Column::LookupCounts, "hits/s", 5, 11, Some('t')),
    spec(Column::Misses, "miss/s", 5, 3, Some('m')),
    spec(Column::Loads, "load/s", 5, 6, Some('o')),
    spec(Column::HalfOfLoads, "half in", 7, 12, None),
    spec(Column::SlowLoads, "99 % in", 7, 9, None),
    spec(Column::Inserts, "insert/s", 5, 13, None),
    spec(Column::Invalidations, "inval/s", 5, 14, None),
    spec(Column::Evictions, "evict/s", 5, 4, Some('e')),
    spec(Column::DiskEvictions, "of disk", 5, 16, None),
    spec(Column::Expirations, "expir/s", 5, 15, Some('x')),
    spec(Column::MemoryEntries, "in mem.", 5, 17, None),
    spec(Column::DiskEntries, "on disk", 5, 18, None),
    spec(Column::MemoryBytes, "memory", 8, 5, Some('b')),
    spec(Column::DiskBytes, "disk", 8, 7, Some('d')),
    spec(Column::Trend, "hits over time", 0, 10, None),
];

/// Returns the column by which a keyboard key sorts the keyspaces.
pub(super) fn by_key(key: char) -> Option<Column> {
    SPECS.iter().find(|spec| spec.key == Some(key)).map(|spec| spec.column)
}

impl Column {
    fn spec(self) -> &'static Spec {
        let spec = SPECS.iter().find(|spec| spec.column == self);
        spec.expect("each column is in the table: a test checks it")
    }

    /// Returns whether keyspaces can be sorted by this column.
    pub(super) fn sorts(self) -> bool {
        self != Self::Trend
    }

    pub(super) fn head(self, sort: Self, is_reversed: bool) -> String {
        let mark = if self != sort {
            ""
        } else if is_reversed {
            "▲"
        } else {
            "▼"
        };
        format!("{}{mark}", self.spec().head)
    }

    pub(super) fn is_left(self) -> bool {
        matches!(self, Self::Name | Self::Trend)
    }
}

#[derive(Debug)]
pub(super) struct KeyspaceRow<'a> {
    history: &'a History,
    of: &'a KeyspaceStats,
    pub(super) name: String,
}

pub(super) fn rows<'a>(
    stats: &'a Stats,
    history: &'a History,
    sort: Column,
    is_reversed: bool,
) -> Vec<KeyspaceRow<'a>> {
    let row =
        |of: &'a KeyspaceStats| KeyspaceRow { history, of, name: escape_control(&of.name).into_owned() };
    let mut rows: Vec<(f64, KeyspaceRow<'a>)> =
        stats.keyspaces.iter().map(row).map(|row| (row.number(sort), row)).collect();
    rows.sort_by(|(left, left_row), (right, right_row)| {
        // Numbers are sorted in descending order, names in ascending order. Rows with equal numbers are
        // sorted by name.
        let by_number = right.partial_cmp(left).unwrap_or(Ordering::Equal);
        let ordered = by_number.then_with(|| left_row.of.name.cmp(&right_row.of.name));
        if is_reversed { ordered.reverse() } else { ordered }
    });
    rows.into_iter().map(|(_, row)| row).collect()
}

impl KeyspaceRow<'_> {
    /// Returns the number by which a column sorts the row. The names are not sorted by a number.
    #[expect(clippy::cast_precision_loss, reason = "an order to show")]
    fn number(&self, column: Column) -> f64 {
        let (of, hits) = (self.of, self.history.hits_in(self.of));
        let rate = |count: fn(&KeyspaceStats) -> u64| self.history.rate_in(of, count);
        let share = |part: u64| hits.percent(part).map_or(-1.0, |percent| percent as f64);
        match column {
            Column::Name | Column::Trend => 0.0,
            Column::Lookups => self.history.rate(hits.requests()),
            Column::HitRate => share(hits.hits()),
            Column::MemoryRate => share(hits.memory),
            Column::LookupCounts => self.history.rate(hits.hits()),
            Column::Misses => self.history.rate(hits.misses),
            Column::Loads => rate(|of| of.loads),
            Column::HalfOfLoads => self.history.loads_in(of).quantile(0.5).as_secs_f64(),
            Column::SlowLoads => self.history.loads_in(of).quantile(0.99).as_secs_f64(),
            Column::Inserts => rate(|of| of.inserts),
            Column::Invalidations => rate(|of| of.invalidations),
            Column::Evictions => rate(|of| of.memory_evictions.saturating_add(of.disk_evictions)),
            Column::DiskEvictions => rate(|of| of.disk_evictions),
            Column::Expirations => rate(|of| of.memory_expirations.saturating_add(of.disk_expirations)),
            Column::MemoryEntries => of.memory_entries as f64,
            Column::DiskEntries => of.disk_entries as f64,
            Column::MemoryBytes => of.memory_weight.as_u64() as f64,
            Column::DiskBytes => of.disk_bytes.as_u64() as f64,
        }
    }

    /// Returns the text of a column. `room` is the width of the column.
    pub(super) fn cell(&self, column: Column, room: usize) -> String {
        let (of, hits) = (self.of, self.history.hits_in(self.of));
        match column {
            Column::Name => self.name.clone(),
            Column::HitRate => percent(hits.percent(hits.hits())),
            Column::MemoryRate => percent(hits.percent(hits.memory)),
            Column::HalfOfLoads => time(self.history.loads_in(of).quantile(0.5)),
            Column::SlowLoads => time(self.history.loads_in(of).quantile(0.99)),
            Column::MemoryEntries => count(of.memory_entries),
            Column::DiskEntries => count(of.disk_entries),
            Column::MemoryBytes => bytes(of.memory_weight.as_u64()),
            Column::DiskBytes => bytes(of.disk_bytes.as_u64()),
            Column::Trend => trend(&self.history.series(&format!("keyspace {}", of.name)), room),
            _ => per_second(self.number(column)),
        }
    }
}

/// Returns the columns that fit, with their widths. `longest` is the length of the longest name.
pub(super) fn layout(room: usize, longest: usize, sort: Column, has_disk: bool) -> Vec<(Column, usize)> {
    let least_name = longest.clamp(width(Column::Name.spec().head) + 1, (room / 4).max(MIN_NAME));
    // A sortable column is at least one character wider than its head, for the mark that shows the order.
    let room_of = |spec: &Spec| match spec.column {
        Column::Name => least_name,
        Column::Trend => width(spec.head),
        _ => spec.room.max(width(spec.head) + 1),
    };
    let is_of_disk = |column| {
        matches!(column, Column::DiskEvictions | Column::DiskEntries | Column::DiskBytes | Column::MemoryRate)
    };
    let mut by_rank: Vec<&Spec> = SPECS.iter().filter(|spec| has_disk || !is_of_disk(spec.column)).collect();
    by_rank.sort_by_key(|spec| if spec.column == sort { (0, 1) } else { (spec.rank, 0) });
    let mut used = 0;
    let mut chosen = Vec::new();
    for spec in by_rank {
        let more = room_of(spec) + if chosen.is_empty() { 0 } else { GAP };
        if used + more <= room || chosen.is_empty() {
            used += more;
            chosen.push(spec.column);
        }
    }
    let is_chosen = |spec: &&Spec| chosen.contains(&spec.column);
    let mut columns: Vec<_> =
        SPECS.iter().filter(is_chosen).map(|spec| (spec.column, room_of(spec))).collect();
    let mut left = room.saturating_sub(used);
    for (column, width) in &mut columns {
        let most = match column {
            Column::Name => longest,
            Column::Trend => MAX_TREND,
            _ => continue,
        };
        let more = left.min(most.saturating_sub(*width));
        (*width, left) = (*width + more, left - more);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_columns_are_shown_as_fit_and_the_sorting_one_among_them() {
        for room in [0, 5, 20, 40, 80, 120, 200, 400] {
            for longest in [1, 8, 46, 255] {
                for spec in &SPECS {
                    let columns = layout(room, longest, spec.column, true);
                    let used: usize = columns.iter().map(|(_, width)| width + GAP).sum::<usize>() - GAP;
                    assert!(used <= room || room < 20, "{used} of {room} for {columns:?}");
                    let has = |column| columns.iter().any(|(there, _)| *there == column);
                    assert!(has(Column::Name) && (has(spec.column) || room < 30), "{room}: {columns:?}");
                }
            }
        }
        let wide = layout(200, 36, Column::Lookups, true);
        assert_eq!(wide.len(), SPECS.len(), "a wide screen has all of them");
        assert_eq!(wide.first(), Some(&(Column::Name, 36)), "and a long name whole: {wide:?}");
        assert!(
            layout(200, 46, Column::Lookups, false).len() < SPECS.len(),
            "memory alone has nothing on disk"
        );
        let mut ranks: Vec<u8> = SPECS.iter().map(|spec| spec.rank).collect();
        ranks.sort_unstable();
        assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]), "{ranks:?}");
    }
}
