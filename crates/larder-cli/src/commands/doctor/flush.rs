//! Checks whether the disk keeps up with the writes.
//!
//! The flush lag rises until a commit and then falls, so a single sample proves little. The minimum of
//! several samples is the lag just after a commit. On a disk that keeps up, this minimum is almost zero.

use std::time::Duration;

use larder::Stats;

use super::report::CheckResult;
use super::series::{StatsSeries, share};
use crate::term::time::{latency, span};

/// Maximum lag in flush intervals. If the lag is longer in every sample, the disk commits less often than the
/// setting requires.
const INTERVALS: u32 = 2;
/// Minimum lag that is reported, even with a short flush interval. A rotating or briefly busy disk causes
/// shorter lags.
const UNNOTICED: Duration = Duration::from_millis(200);
/// A longer lag is reported even from a single sample, unless the flush interval is long too.
const LONG: Duration = Duration::from_secs(10);
/// Used share of the write buffer from which inserts will soon wait for a commit.
const NEARLY_FULL: f64 = 0.75;

pub(super) fn check(series: &StatsSeries) -> Option<CheckResult> {
    let check = "flush";
    let stats = series.latest();
    let disk = stats.disk.as_ref()?;
    let lags = || series.all().filter_map(|stats| Some(stats.disk.as_ref()?.flush_lag));
    let (least, most) = (lags().min()?, lags().max()?);
    let interval = disk.flush_interval;
    let watched = series.latencies(commit_latency);
    let has_committed = watched.count() > 0;
    let commits = if has_committed { watched } else { commit_latency(stats) };
    let [usual, slow] = [0.5, 0.99].map(|share| commits.quantile(share));
    let waits = match series.duration() {
        over if most.is_zero() && !over.is_zero() => {
            format!("no insert was waiting at any sample in {}", span(over))
        }
        over if over.is_zero() => format!("the oldest insert waits for {}", span(most)),
        over => format!("the oldest insert waits for {} to {} in {}", span(least), span(most), span(over)),
    };
    let took = if commits.count() == 0 {
        "no commit was made yet".to_owned()
    } else {
        format!("half of the commits take {}, 99 % up to {}", latency(usual), latency(slow))
    };
    let found = format!(
        "{waits}, with a flush interval of {}; {took}; {} unsaved",
        span(interval),
        stats.unsaved_bytes
    );
    let allowed = interval.saturating_mul(INTERVALS).max(UNNOTICED);
    let is_late =
        (!series.duration().is_zero() && least > allowed) || least > LONG.max(interval.saturating_mul(10));
    let remedy = is_late.then(|| remedy(series, has_committed, usual));
    let line = CheckResult::warn_if(check, found, remedy)
        .with("lag_seconds", most.as_secs_f64())
        .with("least_lag_seconds", least.as_secs_f64())
        .with("flush_interval_seconds", interval.as_secs_f64())
        .with("half_of_commits_seconds", usual.as_secs_f64())
        .with("one_in_a_hundred_commits_seconds", slow.as_secs_f64())
        .with("unsaved_bytes", stats.unsaved_bytes.as_u64());
    Some(line)
}

fn remedy(series: &StatsSeries, has_committed: bool, usual: Duration) -> String {
    let stats = series.latest();
    let lag_of = |stats: &Stats| stats.disk.as_ref().map_or(Duration::ZERO, |disk| disk.flush_lag);
    let grown = lag_of(stats).saturating_sub(series.all().next().map_or(Duration::ZERO, lag_of));
    let cause = if !has_committed && !series.duration().is_zero() {
        "nothing was committed meanwhile: the disk hangs, or has failed (its log, and `disk tier`)".to_owned()
    } else if grown.saturating_mul(2) > series.duration() && !series.duration().is_zero() {
        "it grows: more is written than the disk takes. Write less often, or put the file on a faster disk"
            .to_owned()
    } else {
        format!(
            "a commit takes {}: see what else writes to the disk (iostat -x 1), or put the file on a faster \
                one",
            latency(usual)
        )
    };
    let is_nearly_full = share(stats.unsaved_bytes.as_u64(), stats.write_buffer.as_u64()) >= NEARLY_FULL;
    let buffer = if is_nearly_full {
        format!(" Writers are about to wait: the write buffer of {} is nearly full", stats.write_buffer)
    } else {
        String::new()
    };
    format!("{cause}. A crash loses what is not committed.{buffer}")
}

fn commit_latency(stats: &Stats) -> larder::Latencies {
    stats.disk.as_ref().map(|disk| disk.commit_latency.clone()).unwrap_or_default()
}
