//! The workload: the subjects of requests, and the rows of changes.
//!
//! Popularity follows Zipf's law within each family: the number of requests for the n-th most popular
//! subject is proportional to 1/n, as for page views of shops and plays of songs. Changes follow the same
//! law, so the rows that are read most often also change most often. This coincidence is the hardest case
//! for a cache that must not serve stale answers.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};

use crate::shop::catalog::{
    CATEGORIES, Change, DATA_PACKAGES, DATA_PRODUCTS, DISCOUNTS, MERCHANTS, PRODUCTS, Subject,
};

/// The exponent of Zipf's law.
const SKEW: f64 = 1.0;

/// The requests of a shop's visitors, and the changes of its editors.
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

    /// Draws the subject of the next request. Most subjects are products, as on the pages of a shop.
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

    /// Draws the next change. Most changes are of products.
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

/// The popularity of the members of a family.
#[derive(Debug)]
struct Popularity {
    ranks: Zipf<f64>,
    members: usize,
}

impl Popularity {
    #[expect(clippy::cast_precision_loss, reason = "a shop has fewer than 2^52 rows")]
    #[expect(clippy::expect_used, reason = "the sizes are constants above 0, and so is the skew")]
    fn among(members: usize) -> Self {
        Self { ranks: Zipf::new(members as f64, SKEW).expect("a family has members"), members }
    }

    /// Draws the number of a member, from 0 up to `members` - 1. Lower numbers are more frequent.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranks are whole, from 1 up")]
    fn draw(&self, rng: &mut impl Rng) -> usize {
        let rank = self.ranks.sample(rng) as usize;
        rank.clamp(1, self.members) - 1
    }
}

/// A random stream of a run. With the same seed, a stream draws the same numbers again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// The requests of one thread before the restart. They are drawn twice: for the phase without the cache,
    /// and for the phase with the cache.
    Before(u64),
    /// The requests of one thread after the restart.
    After(u64),
    ChangesBefore,
    ChangesAfter,
}

impl Stream {
    /// Returns the random generator of the stream for a run with this seed.
    pub(crate) fn rng(self, seed: u64) -> StdRng {
        let stream = match self {
            Self::ChangesBefore => 0,
            Self::ChangesAfter => 1,
            Self::Before(thread) => 2 + 2 * thread,
            Self::After(thread) => 3 + 2 * thread,
        };
        // The factor spreads the seeds, so that adjacent seeds have no stream in common.
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
    fn the_first_product_is_requested_ten_times_as_often_as_the_tenth() {
        let requests = first(200_000, Stream::Before(0), 1);
        let requested =
            |product| requests.iter().filter(|subject| **subject == Subject::Product(product)).count();
        let (first, tenth) = (requested(0), requested(9));
        assert!((8 * tenth..12 * tenth).contains(&first), "{first} and {tenth}");
    }
}
