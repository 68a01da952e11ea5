//! The limit of what entries may be charged for, so that the file stays within its capacity.
//!
//! The charge of an entry is an average. Leaves of the tree are more or less full, and pages of many sizes
//! leave gaps. A transaction also writes new pages while the old ones still exist. The limit of the charges
//! leaves room for that. Sometimes that room is too small, for example when values of another size arrive.
//! Then the file takes new blocks close to its capacity. In that case the limit is lowered by a multiple of
//! the growth, so that the next transactions evict more and free more pages than they need. While the file
//! does not grow, the limit rises again in small steps. A large file that does not grow is left alone,
//! because it has free pages.

use super::extent::Extent;

/// The file is close to its capacity when less than this fraction of it is left.
const CLOSE: u64 = 16;
/// The limit falls by the growth of the file times this factor.
const FALL: u64 = 2;
/// The limit never falls below this fraction of the limit without pressure. A file that is still too large
/// then is compacted.
const MIN_PART: u64 = 8;
/// With each transaction the limit rises by this fraction.
const RISE: u64 = 512;

/// The limit of what all entries together are charged for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pressure {
    /// The limit without pressure.
    unpressed: u64,
    current: u64,
    /// The size of the file after the last transaction. None before the first, because the file has not grown
    /// since it was opened.
    last: Option<Extent>,
}

impl Pressure {
    pub(crate) fn new(unpressed: u64) -> Self {
        Self { unpressed, current: unpressed, last: None }
    }

    /// Returns how many bytes entries may be charged for now.
    pub(crate) fn limit(&self) -> u64 {
        self.current
    }

    /// Notes that the file would have exceeded its capacity.
    pub(crate) fn note_refusal(&mut self, live: u64) {
        self.current = (self.current.min(live) / 8 * 7).max(self.unpressed / MIN_PART).min(self.current);
    }

    /// Notes the size of the file after a transaction that left entries charged for `live` bytes.
    pub(crate) fn note(&mut self, extent: Extent, capacity: u64, live: u64) {
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
