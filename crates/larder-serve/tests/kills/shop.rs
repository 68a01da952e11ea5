//! The state that all workers share, and a random generator.

use super::judge::{Count, History, Life, Row};
use super::server::DURABLE;

pub(super) const WORKERS: usize = 8;

#[derive(Debug, Clone)]
pub(super) struct Choices(u64);

impl Choices {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, below: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

#[derive(Debug)]
pub(super) struct Shop {
    /// The histories of single values: for each worker, one in each of two databases.
    pub(super) values: Vec<[History; 2]>,
    /// The histories of groups: for each worker, one in each of two databases.
    pub(super) groups: Vec<[History; 2]>,
    pub(super) counts: [Vec<Count>; 2],
    pub(super) rows: Vec<Row>,
}

/// The databases that `values`, `groups` and `counts` use.
pub(super) const DATABASES: [usize; 2] = [0, DURABLE];

impl Shop {
    pub(super) fn new() -> Self {
        let histories = |kind: &str| {
            (0..WORKERS)
                .map(|worker| DATABASES.map(|db| History::new(format!("{kind}:{db}:{worker}"))))
                .collect()
        };
        Self {
            values: histories("value"),
            groups: histories("group"),
            counts: DATABASES
                .map(|db| (0..3).map(|number| Count::new(format!("count:{db}:{number}"))).collect()),
            rows: (0..3).map(|number| Row::new(format!("row:{number}"))).collect(),
        }
    }

    pub(super) fn histories(&self) -> impl Iterator<Item = &History> {
        self.values.iter().chain(&self.groups).flatten()
    }

    pub(super) fn all_counts(&self) -> impl Iterator<Item = &Count> {
        self.counts.iter().flatten()
    }

    pub(super) fn ended(&self, life: Life) {
        self.histories().for_each(|history| history.ended(life));
        self.all_counts().for_each(|count| count.ended(life));
    }
}
