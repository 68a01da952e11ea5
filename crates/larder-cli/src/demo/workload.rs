//! The workload: which things are asked for, and which are changed.
//!
//! Popularity follows Zipf's law within each family: the n-th most popular thing is asked for in proportion
//! to 1/n, as page views of shops and songs are. Changes follow the same law, so that what is read most is
//! what changes most: the hardest case for a cache that must not be stale.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};

use crate::demo::directory::{
    CATEGORIES, Change, DATA_PACKAGES, DATA_PRODUCTS, DISCOUNTS, MERCHANTS, PRODUCTS, Subject,
};

/// Zipf's exponent.
const SKEW: f64 = 1.0;

/// What a shop's visitors and editors do.
#[derive(Debug)]
pub(crate) struct Workload {
    categories: Popularity,
    products: Popularity,
    data_packages: Popularity,
    data_products: Popularity,
    discounts: Popularity,
    merchants: Popularity,
}

impl Workload {
    pub(crate) fn new() -> Self {
        Self {
            categories: Popularity::among(CATEGORIES),
            products: Popularity::among(PRODUCTS),
            data_packages: Popularity::among(DATA_PACKAGES),
            data_products: Popularity::among(DATA_PRODUCTS),
            discounts: Popularity::among(DISCOUNTS),
            merchants: Popularity::among(MERCHANTS),
        }
    }

    /// What the next request asks for: mostly products, as the pages of a shop do.
    pub(crate) fn subject(&self, rng: &mut impl Rng) -> Subject {
        match rng.random_range(0..100) {
            0..67 => Subject::Product(self.products.draw(rng)),
            67..77 => Subject::DataPackage(self.data_packages.draw(rng)),
            77..84 => Subject::Discount(self.discounts.draw(rng)),
            84..88 => Subject::ProductList(self.categories.draw(rng)),
            88..93 => Subject::DataBundles(self.data_products.draw(rng)),
            93..98 => Subject::Categories,
            _ => Subject::Merchant(self.merchants.draw(rng)),
        }
    }

    /// What the next change is about: mostly a product.
    pub(crate) fn change(&self, rng: &mut impl Rng) -> Change {
        match rng.random_range(0..100) {
            0..70 => Change::Product(self.products.draw(rng)),
            70..85 => Change::DataPackage(self.data_packages.draw(rng)),
            85..93 => Change::Discount(self.discounts.draw(rng)),
            93..97 => Change::Merchant(self.merchants.draw(rng)),
            _ => Change::Category(self.categories.draw(rng)),
        }
    }
}

/// How popular each of a family's things is.
#[derive(Debug)]
struct Popularity {
    ranks: Zipf<f64>,
    things: usize,
}

impl Popularity {
    #[expect(clippy::cast_precision_loss, reason = "a shop has fewer than 2^52 things")]
    #[expect(clippy::expect_used, reason = "the sizes are constants above 0, and so is the skew")]
    fn among(things: usize) -> Self {
        Self { ranks: Zipf::new(things as f64, SKEW).expect("a family has things"), things }
    }

    /// A number below that of the things, the lower ones more often.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranks are whole, from 1 up")]
    fn draw(&self, rng: &mut impl Rng) -> usize {
        let rank = self.ranks.sample(rng) as usize;
        rank.clamp(1, self.things) - 1
    }
}

/// Which of a run's random streams: the same stream of the same seed draws the same.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// Before the restart, of one thread. Drawn twice: without the cache, and with it.
    Before(u64),
    /// After the restart, of one thread.
    After(u64),
    /// The changes before the restart.
    ChangesBefore,
    /// The changes after it.
    ChangesAfter,
}

impl Stream {
    pub(crate) fn rng(self, seed: u64) -> StdRng {
        let stream = match self {
            Self::ChangesBefore => 0,
            Self::ChangesAfter => 1,
            Self::Before(thread) => 2 + 2 * thread,
            Self::After(thread) => 3 + 2 * thread,
        };
        // Far apart, so that neighbouring seeds share no streams.
        StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(count: usize, stream: Stream, seed: u64) -> Vec<Subject> {
        let (workload, mut rng) = (Workload::new(), stream.rng(seed));
        (0..count).map(|_| workload.subject(&mut rng)).collect()
    }

    #[test]
    fn a_seed_and_a_stream_decide_every_request() {
        assert_eq!(first(100, Stream::Before(1), 7), first(100, Stream::Before(1), 7));
        assert_ne!(first(100, Stream::Before(1), 7), first(100, Stream::Before(2), 7));
        assert_ne!(first(100, Stream::Before(1), 7), first(100, Stream::After(1), 7));
        assert_ne!(first(100, Stream::Before(1), 7), first(100, Stream::Before(1), 8));
    }

    #[test]
    fn the_first_product_is_asked_for_ten_times_as_often_as_the_tenth() {
        let requests = first(200_000, Stream::Before(0), 1);
        let asked =
            |product| requests.iter().filter(|subject| **subject == Subject::Product(product)).count();
        let (first, tenth) = (asked(0), asked(9));
        assert!((8 * tenth..12 * tenth).contains(&first), "{first} and {tenth}");
    }
}
