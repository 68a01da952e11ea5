//! What the benches ask for: the same keys and values, in the same order, from every cache.
//!
//! A request stream is drawn beforehand from a fixed seed, so that no bench pays for drawing, and two runs ask alike.

#![forbid(unsafe_code)]

use std::time::Duration;

use larder::KeyspaceDefinition;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use serde::{Deserialize, Serialize};

/// Entries that are resident before anything is measured.
pub const RESIDENT: usize = 100_000;
/// Bytes of a value's text: a small product page.
pub const VALUE_LEN: usize = 256;
/// Keys of a request stream: more than a branch predictor learns, few enough to stay in the processor's cache.
pub const REQUESTS: usize = 1 << 16;

/// How strongly requests favour few keys; web requests lie between 0.6 and 1.0.
const SKEW: f64 = 0.99;
const SEED: u64 = 42;

/// Where the values are kept.
pub const PAGES: KeyspaceDefinition<String, Page> =
    KeyspaceDefinition::new("page").ttl(Duration::from_hours(24)).version(1);

/// A cached value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// [`VALUE_LEN`] bytes.
    pub text: String,
}

impl Page {
    /// The value of a key.
    #[must_use]
    pub fn of(number: usize) -> Self {
        Self { text: format!("{number:0VALUE_LEN$}") }
    }
}

/// The key of a number.
#[must_use]
pub fn key(number: usize) -> String {
    format!("product_{number:08}")
}

/// How requests spread over the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Few keys get most of the requests.
    Zipf,
    /// Every key is asked for alike: the worst case for the processor's cache.
    Uniform,
}

impl Spread {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Zipf, Self::Uniform];

    /// Its name in a report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zipf => "zipf",
            Self::Uniform => "uniform",
        }
    }

    /// [`REQUESTS`] keys out of [`RESIDENT`], the same at every call.
    #[must_use]
    pub fn requests(self) -> Vec<String> {
        let mut random = StdRng::seed_from_u64(SEED);
        match self {
            Self::Uniform => (0..REQUESTS).map(|_| key(random.random_range(0..RESIDENT))).collect(),
            Self::Zipf => {
                let ranks = ranks();
                (0..REQUESTS).map(|_| key(scatter(ranks.sample(&mut random)))).collect()
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "the number of keys is far below what a double tells apart")]
fn ranks() -> Zipf<f64> {
    Zipf::new(RESIDENT as f64, SKEW).expect("both constants are in range")
}

/// The key of a rank, so that popular keys are not neighbours.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank is a whole number up to RESIDENT"
)]
fn scatter(rank: f64) -> usize {
    // A prime that does not divide RESIDENT, so that no two ranks share a key.
    (rank as usize).wrapping_mul(7919) % RESIDENT
}
