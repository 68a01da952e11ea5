//! Computes the median and the spread of samples.

/// Quartiles and extremes of samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The smallest sample.
    pub least: f64,
    /// The first quartile: a quarter of the samples are below.
    pub lower: f64,
    /// The median: half of the samples are below.
    pub median: f64,
    /// The third quartile: a quarter of the samples are above.
    pub upper: f64,
    /// The greatest sample.
    pub most: f64,
}

impl Summary {
    /// Summarizes samples, which may be in any order. Returns `None` if there are none. Interpolates between
    /// samples.
    #[must_use]
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| quantile(&sorted, share);
        Some(Self { least: at(0.0)?, lower: at(0.25)?, median: at(0.5)?, upper: at(0.75)?, most: at(1.0)? })
    }
}

/// Returns a quantile of sorted samples. `share` is a fraction, such as 0.99 for the 99th percentile.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position among samples that fit in memory, and a share between 0 and 1"
)]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    // This form does not subtract the samples, because the difference of two infinite samples is not a
    // number.
    let part = place.fract();
    Some(if part == 0.0 { *below } else { below * (1.0 - part) + above * part })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_interpolated_between_the_samples() {
        let summary = Summary::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        let expected = Summary { least: 1.0, lower: 1.75, median: 2.5, upper: 3.25, most: 4.0 };
        assert_eq!(summary, expected);
    }

    #[test]
    fn no_samples_have_no_middle_and_one_is_its_own() {
        assert_eq!(Summary::of(&[]), None);
        let one = Summary::of(&[7.0]).unwrap();
        assert!(one.least.total_cmp(&one.most).is_eq() && one.median.total_cmp(&7.0).is_eq());
    }

    #[test]
    fn a_high_percentile_lies_near_the_end() {
        let sorted: Vec<f64> = (0..=100).map(f64::from).collect();
        assert!((quantile(&sorted, 0.99).unwrap() - 99.0).abs() < 1e-9);
    }
}
