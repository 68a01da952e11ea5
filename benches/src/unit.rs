//! The units of measures. A unit determines whether less is better, and how a figure is printed.

use serde::{Deserialize, Serialize};

/// The unit of a measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Nanoseconds per operation.
    NanosPerOperation,
    /// Operations per second.
    OperationsPerSecond,
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// Bytes per entry.
    BytesPerEntry,
    /// A percentage for which more is better.
    Percent,
    /// Percentage points behind another figure.
    Points,
    /// A number for which less is better.
    Count,
}

impl Unit {
    /// Returns whether a smaller figure is better.
    #[must_use]
    pub const fn less_is_better(self) -> bool {
        !matches!(self, Self::OperationsPerSecond | Self::Percent)
    }

    /// Returns how many times as good `ours` is as `theirs`. The result is above 1 if `ours` is better. It is
    /// 1 for equal figures, even if both are zero.
    #[must_use]
    pub fn advantage(self, ours: f64, theirs: f64) -> f64 {
        let (over, under) = if self.less_is_better() { (theirs, ours) } else { (ours, theirs) };
        if over.total_cmp(&under).is_eq() { 1.0 } else { over / under }
    }

    /// Returns a figure as text, with its unit.
    #[must_use]
    pub fn show(self, figure: f64) -> String {
        match self {
            Self::NanosPerOperation => show_nanos(figure),
            Self::OperationsPerSecond => match figure {
                1e6.. => format!("{:.2} M/s", figure / 1e6),
                1e4.. => format!("{:.0} k/s", figure / 1e3),
                1e3.. => format!("{:.2} k/s", figure / 1e3),
                _ => format!("{figure:.0} /s"),
            },
            Self::Milliseconds => show_nanos(figure * 1e6),
            Self::Bytes => show_bytes(figure),
            Self::BytesPerEntry => format!("{figure:.1} B"),
            Self::Percent => format!("{figure:.2} %"),
            Self::Points => format!("{figure:.2} points"),
            Self::Count => match figure {
                ..100.0 => format!("{figure:.1}"),
                _ => format!("{figure:.0}"),
            },
        }
    }
}

fn show_nanos(nanos: f64) -> String {
    match nanos {
        1e9.. => format!("{:.2} s", nanos / 1e9),
        1e7.. => format!("{:.1} ms", nanos / 1e6),
        1e6.. => format!("{:.2} ms", nanos / 1e6),
        1e4.. => format!("{:.1} µs", nanos / 1e3),
        1e3.. => format!("{:.2} µs", nanos / 1e3),
        _ => format!("{nanos:.1} ns"),
    }
}

fn show_bytes(bytes: f64) -> String {
    const KIB: f64 = 1024.0;
    match bytes / KIB {
        1_048_576.0.. => format!("{:.2} GiB", bytes / KIB / KIB / KIB),
        1024.0.. => format!("{:.1} MiB", bytes / KIB / KIB),
        1.0.. => format!("{:.1} KiB", bytes / KIB),
        _ => format!("{bytes:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advantage_is_above_one_when_ours_is_better_whichever_way_is_up() {
        assert!((Unit::NanosPerOperation.advantage(50.0, 100.0) - 2.0).abs() < 1e-9);
        assert!((Unit::OperationsPerSecond.advantage(50.0, 100.0) - 0.5).abs() < 1e-9);
        assert!((Unit::Percent.advantage(0.0, 0.0) - 1.0).abs() < 1e-9);
        assert!(Unit::Count.advantage(0.0, 3.0) > 1e9);
    }

    #[test]
    fn figures_are_printed_in_the_unit_that_suits_their_size() {
        assert_eq!(Unit::NanosPerOperation.show(87.25), "87.2 ns");
        assert_eq!(Unit::NanosPerOperation.show(1_234.0), "1.23 µs");
        assert_eq!(Unit::Milliseconds.show(0.5), "500.0 µs");
        assert_eq!(Unit::OperationsPerSecond.show(2_340_000.0), "2.34 M/s");
        assert_eq!(Unit::Bytes.show(3.5 * 1024.0 * 1024.0), "3.5 MiB");
        assert_eq!(Unit::Percent.show(45.164), "45.16 %");
    }
}
