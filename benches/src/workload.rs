//! The requests of the benches. Every cache gets requests from the same streams.
//!
//! Request streams are generated beforehand from a fixed seed. So the benches do not measure the generation,
//! and all runs make the same requests.

use std::time::Duration;

use larder::KeyspaceDefinition;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use serde::{Deserialize, Serialize};

/// Number of keys for which [`Spread::requests`] makes requests.
pub const RESIDENT: usize = 100_000;
/// Length of a value's text in bytes, like a small product page.
pub const VALUE_LEN: usize = 256;
/// Number of keys in a short request stream: more than a branch predictor learns, but few enough for the
/// processor's cache.
pub const REQUESTS: usize = 1 << 16;

/// Exponent of the Zipf distribution. With a higher exponent, a few keys get a larger part of the requests.
/// For web requests, the exponent is between 0.6 and 1.0.
const SKEW: f64 = 0.99;
const SEED: u64 = 42;

/// The keyspace of the values.
pub const PAGES: KeyspaceDefinition<String, Page> =
    KeyspaceDefinition::new("page").ttl(Duration::from_hours(24)).version(1);

/// The type of the cached values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The text, which has [`VALUE_LEN`] bytes in a page from [`Page::of`].
    pub text: String,
}

impl Page {
    /// Returns the value of the key with this number.
    #[must_use]
    pub fn of(number: usize) -> Self {
        Self { text: format!("{number:0VALUE_LEN$}") }
    }
}

/// Returns the key with this number.
#[must_use]
pub fn key(number: usize) -> String {
    format!("product_{number:08}")
}

/// The distribution of requests over the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// A few keys get most of the requests.
    Zipf,
    /// All keys get equally many requests on average. These requests are the worst case for the processor's
    /// cache.
    Uniform,
}

impl Spread {
    /// Both distributions.
    pub const ALL: [Self; 2] = [Self::Zipf, Self::Uniform];

    /// Returns the name of the distribution in a report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zipf => "zipf",
            Self::Uniform => "uniform",
        }
    }

    /// Returns a stream of [`REQUESTS`] requests for [`RESIDENT`] keys. The result is the same in each call.
    #[must_use]
    pub fn requests(self) -> Vec<String> {
        self.numbers(RESIDENT, REQUESTS, 0).into_iter().map(|number| key(number as usize)).collect()
    }

    /// Returns requests for the keys 0 to `keys` - 1, as numbers. The same stream always gives the same
    /// requests.
    ///
    /// # Panics
    /// Panics if `keys` is 0, or does not fit in a `u32`.
    #[must_use]
    pub fn numbers(self, keys: usize, requests: usize, stream: u64) -> Vec<u32> {
        let mut random = StdRng::seed_from_u64(SEED + stream);
        let keys = u32::try_from(keys).expect("keys are numbered with 32 bits");
        match self {
            Self::Uniform => (0..requests).map(|_| random.random_range(0..keys)).collect(),
            Self::Zipf => {
                let ranks =
                    Zipf::new(f64::from(keys), SKEW).expect("there are keys, and the skew is in range");
                (0..requests).map(|_| scatter(ranks.sample(&mut random), keys)).collect()
            }
        }
    }
}

/// Returns the number of the key with this rank. Popular keys are not neighbours.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank is a whole number up to the number of keys"
)]
fn scatter(rank: f64, keys: u32) -> u32 {
    // The prime 7919 divides none of the usual numbers of keys. Otherwise two ranks could get the same key.
    u32::try_from(rank as u64 * 7919 % u64::from(keys)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_ranks_share_a_key() {
        for keys in [1_000, 100_000, 300_000, 1_000_000] {
            let scattered: HashSet<u32> = (1..=keys).map(|rank| scatter(f64::from(rank), keys)).collect();
            assert_eq!(scattered.len(), keys as usize);
        }
    }

    #[test]
    fn zipf_asks_for_few_keys_and_uniform_for_all_alike() {
        let most = |spread: Spread| {
            let mut counts = vec![0_u32; 1_000];
            for number in spread.numbers(1_000, 100_000, 0) {
                counts[number as usize] += 1;
            }
            counts.into_iter().max().unwrap()
        };
        assert!(most(Spread::Zipf) > 10_000 && most(Spread::Uniform) < 200);
    }
}
