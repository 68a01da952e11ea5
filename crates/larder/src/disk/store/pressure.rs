//! The limit of the charge of all entries, which keeps the file within its capacity.
//!
//! The charge of an entry is an average. Leaves of the tree are more or less full, and pages of many sizes
//! leave gaps. A transaction also writes new pages while the old pages still exist. The limit leaves room for
//! these effects. Sometimes the room is too small, for example when the sizes of values change. Then the file
//! grows although it is close to its capacity, and the limit falls by a multiple of the growth. So the next
//! transactions evict more, and free more pages than they need. While the file does not grow, the limit rises
//! again in small steps. Unless a transaction is refused, the limit never falls for a file that does not
//! grow, because the file has free pages.

use super::extent::Extent;

/// The file is close to its capacity when less than the capacity divided by this number is left.
const CLOSE: u64 = 16;
/// The limit falls by the growth of the file multiplied by this factor, or lower if the charge of all
/// entries is below the limit.
const FALL: u64 = 2;
/// The limit never falls below the limit without pressure, divided by this number. If the file is still too
/// large, it is compacted.
const MIN_PART: u64 = 8;
/// After each transaction that does not lower the limit, the limit rises by a part of the limit without
/// pressure: that limit divided by this number. It never rises above the limit without pressure.
const RISE: u64 = 512;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Pressure {
    unpressed: u64,
    current: u64,
    /// The size of the file after the last transaction. `None` before the first transaction since the file
    /// was opened.
    last: Option<Extent>,
}

impl Pressure {
    pub(crate) fn new(unpressed: u64) -> Self {
        Self { unpressed, current: unpressed, last: None }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.current
    }

    /// Lowers the limit, because the file would have exceeded its capacity. The new limit is seven eighths
    /// of the limit or of `live`, whichever is smaller, but not below the minimum that [`MIN_PART`] gives.
    pub(crate) fn note_refusal(&mut self, live: u64) {
        self.current = (self.current.min(live) / 8 * 7).max(self.unpressed / MIN_PART).min(self.current);
    }

    /// Adjusts the limit to the size of the file after a transaction. `live` is the charge of all entries in
    /// bytes.
    pub(super) fn note(&mut self, extent: Extent, capacity: u64, live: u64) {
        let last = self.last.replace(extent).unwrap_or(extent);
        let growth = extent.growth_close_to(last, capacity, CLOSE);
        if growth > 0 {
            let fallen = self.current.min(live).saturating_sub(growth.saturating_mul(FALL));
            self.current = fallen.max(self.unpressed / MIN_PART).min(self.current);
        } else {
            self.current = self.current.saturating_add(self.unpressed / RISE).min(self.unpressed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taking(allocated: u64) -> Extent {
        Extent { len: 0, allocated: Some(allocated) }
    }

    #[test]
    fn growth_close_to_the_capacity_lowers_the_limit_and_rest_raises_it() {
        let mut pressure = Pressure::new(800_000);
        pressure.note(taking(900_000), 1_000_000, 700_000);
        assert_eq!(pressure.limit(), 800_000, "far from the capacity a file may grow");
        pressure.note(taking(950_000), 1_000_000, 700_000);
        assert_eq!(pressure.limit(), 675_000, "12,500 of that are close to the capacity");
        pressure.note(taking(960_000), 1_000_000, 600_000);
        assert_eq!(pressure.limit(), 580_000);
        for _ in 0..100 {
            pressure.note(taking(960_000), 1_000_000, 500_000);
        }
        assert_eq!(pressure.limit(), 580_000 + 100 * (800_000 / RISE), "it does not grow");
        for _ in 0..1_000 {
            pressure.note(taking(960_000), 1_000_000, 500_000);
        }
        assert_eq!(pressure.limit(), 800_000);
        pressure.note(taking(10_000_000), 1_000_000, 500_000);
        assert_eq!(pressure.limit(), 100_000);
        pressure.note_refusal(500_000);
        assert_eq!(pressure.limit(), 100_000);
        let mut pressure = Pressure::new(800_000);
        pressure.note(taking(990_000), 1_000_000, 700_000);
        assert_eq!(pressure.limit(), 800_000, "a full file that is opened has not grown");
        pressure.note_refusal(700_000);
        assert_eq!(pressure.limit(), 612_500);
    }
}
