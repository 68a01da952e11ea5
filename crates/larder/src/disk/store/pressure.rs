//! How much entries may be charged for, as long as the file keeps within its bounds.
//!
//! What an entry is charged for is an average: leaves of the tree are fuller or emptier, pages of many sizes
//! leave gaps, and a transaction writes new pages while the old ones still stand. The limit of the charges
//! leaves room for that. Where it is too little, as when values of another size come, the file shows it: it
//! takes blocks that it did not have before, close to its capacity. Then the limit is lowered, by a multiple
//! of what the file grew, so that the next transactions evict and free more pages than they need. As long as
//! the file does not grow the limit comes back, in small steps. A file that takes much and does not grow is
//! left as it is: it has free pages.

use super::extent::Extent;

/// The file is close to its capacity when so much of it is left: one part in so many.
const CLOSE: u64 = 16;
/// The limit falls by so many times what the file grew.
const FALL: u64 = 2;
/// The limit without pressure is at most so many times the least: a file that stays too large in spite of
/// that is compacted.
const MIN_PART: u64 = 8;
/// The limit rises by one part in so many with each transaction.
const RISE: u64 = 512;

/// The limit of what entries are charged for, all together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pressure {
    /// The limit without pressure.
    unpressed: u64,
    current: u64,
    /// What the file took after the last transaction; none before the first: it has not grown since it was
    /// opened.
    last: Option<Extent>,
}

impl Pressure {
    pub(crate) fn new(unpressed: u64) -> Self {
        Self { unpressed, current: unpressed, last: None }
    }

    /// The bytes that entries may be charged for now.
    pub(crate) fn limit(&self) -> u64 {
        self.current
    }

    /// Takes notice that the file would have exceeded its capacity.
    pub(crate) fn note_refusal(&mut self, live: u64) {
        self.current = (self.current.min(live) / 8 * 7).max(self.unpressed / MIN_PART).min(self.current);
    }

    /// Takes notice of what the file takes after a transaction that left it charged for `live`.
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
