mod details;

use std::time::Duration;

use serde_json::{Value, json};

use super::super::report::Verdict;
use super::*;

fn stats(json: Value) -> Stats {
    serde_json::from_value(json).unwrap()
}

/// Returns statistics that were taken twice, `seconds` apart.
fn watched(before: Value, now: Value, seconds: u64) -> StatsSeries {
    let mut series = StatsSeries::new(stats(before));
    series.push(Duration::from_secs(seconds), stats(now));
    series
}

/// Returns the statistics of a busy service: it has run for a day, its tiers are full, and memory answers
/// most lookups. `change` adds the events of the two seconds in which it is watched.
fn service(change: impl Fn(&mut Value)) -> StatsSeries {
    let before = json!({
        "uptime": 86_400.0,
        "memory": {
            "hits": 90_000_000, "entries": 60_000, "weight": 64 << 20, "capacity": 64 << 20,
            "evictions": 8_000_000,
        },
        "disk": {
            "hits": 6_000_000, "entries": 600_000, "bytes": 800_u64 << 20, "usable_bytes": 810_u64 << 20,
            "capacity": 1_000_u64 << 20, "commits": 800_000, "evictions": 900_000, "flush_interval": 0.1,
            "flush_lag": 0.03, "commit_latency": {"buckets": [{"up_to": 0.004, "count": 800_000}]},
        },
        "misses": 4_000_000, "loads": 4_000_000, "load_failures": 4_000, "promotions": 6_000_000,
        "inserts": 100_000,
        "invalidations": 50_000, "voided_fills": 200, "write_buffer": 8 << 20, "unsaved_bytes": 4_096,
        "keyspaces": [{"name": "product", "misses": 4_000_000, "loads": 4_000_000,
            "load_latency": {"buckets": [{"up_to": 0.02, "count": 4_000_000}]}}],
    });
    let mut now = before.clone();
    now["uptime"] = json!(86_402.0);
    change(&mut now);
    watched(before, now, 2)
}

fn add(stats: &mut Value, counts: &[(&str, u64)]) {
    for (pointer, more) in counts {
        let count = stats.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}"));
        *count = json!(count.as_u64().unwrap() + more);
    }
}

/// Adds the counts of two usual seconds, with 10,000 lookups.
fn usual(stats: &mut Value) {
    add(
        stats,
        &[
            ("/memory/hits", 9_000),
            ("/disk/hits", 600),
            ("/misses", 400),
            ("/loads", 400),
            ("/promotions", 600),
            ("/memory/evictions", 800),
            ("/disk/evictions", 300),
            ("/disk/commits", 20),
            ("/disk/commit_latency/buckets/0/count", 20),
            ("/keyspaces/0/loads", 400),
        ],
    );
}

fn complaints(series: &StatsSeries) -> Vec<(&'static str, Verdict)> {
    let lines = of_stats(series, None).into_iter();
    let bad = lines.filter(|line| matches!(line.verdict, Verdict::Warn | Verdict::Fail));
    bad.map(|line| {
        assert!(line.remedy.is_some(), "{line:?}");
        (line.check, line.verdict)
    })
    .collect()
}

#[test]
fn a_healthy_service_passes() {
    assert_eq!(complaints(&service(usual)), [], "a usual day");
    assert_eq!(complaints(&service(|_| {})), [], "no lookups are made");
    let few = |now: &mut Value| add(now, &[("/memory/hits", 3), ("/misses", 9), ("/loads", 9)]);
    assert_eq!(complaints(&service(few)), [], "at night");
    let imports = |now: &mut Value| {
        add(
            now,
            &[
                ("/inserts", 40_000),
                ("/memory/evictions", 39_000),
                ("/disk/evictions", 38_000),
                ("/memory/hits", 900),
            ],
        );
    };
    assert_eq!(complaints(&service(imports)), [], "an import evicts, and what it evicts is not asked for");
    let short_lived = |now: &mut Value| {
        add(
            now,
            &[("/memory/hits", 6_000), ("/misses", 4_000), ("/loads", 4_000), ("/keyspaces/0/loads", 4_000)],
        );
        now["memory"]["expirations"] = json!(4_000_000);
        now["disk"]["expirations"] = json!(4_000);
    };
    let aged = service(short_lived);
    assert!(
        !complaints(&aged).iter().any(|(check, _)| check.ends_with("churn")),
        "what expires is not evicted"
    );
    let sawtooth = |now: &mut Value| {
        usual(now);
        now["disk"]["flush_lag"] = json!(0.104);
    };
    assert_eq!(complaints(&service(sawtooth)), [], "a sample may be taken at the end of an interval");
}

#[test]
fn evicted_entries_that_are_not_asked_for_again_are_no_churn() {
    let churns = |change: &dyn Fn(&mut Value)| {
        let lines = of_stats(&service(change), None).into_iter();
        lines.filter(|line| line.check.ends_with("churn")).any(|line| line.verdict == Verdict::Warn)
    };
    assert!(
        !churns(&|now| {
            usual(now);
            now["memory"]["entries"] = json!(4_000);
        }),
        "a small memory that answers nine of ten"
    );
    assert!(
        !churns(&|now| {
            add(now, &[("/memory/hits", 6_000), ("/misses", 4_000), ("/memory/evictions", 60)]);
            now["disk"] = Value::Null;
            now["memory"]["entries"] = json!(900);
        }),
        "misses of what has expired"
    );
    let new_keys = |disk_evictions| {
        move |now: &mut Value| {
            add(
                now,
                &[
                    ("/memory/hits", 6_000),
                    ("/misses", 4_000),
                    ("/memory/evictions", 4_000),
                    ("/disk/evictions", disk_evictions),
                ],
            );
            now["memory"]["entries"] = json!(4_000);
        }
    };
    assert!(
        !churns(&new_keys(0)),
        "misses of what the cache never had: the disk still has what memory gave up"
    );
    let both = of_stats(&service(new_keys(4_000)), None);
    let sick = both.iter().filter(|line| line.check.ends_with("churn") && line.verdict == Verdict::Warn);
    assert_eq!(sick.map(|line| line.check).collect::<Vec<_>>(), ["disk churn"], "memory only follows");
}

#[test]
fn past_events_are_not_reported_as_recent() {
    let ever = json!({"uptime": 86_400.0, "loads": 100, "load_failures": 50, "keyspaces": []});
    assert_eq!(complaints(&StatsSeries::new(stats(ever))), []);
    let ever = json!({"uptime": 86_400.0, "loads": 100, "voided_fills": 50, "uncacheable": 9,
        "recent": [{"over": 600.0, "counts": {"memory_hits": 7, "loads": 7}}],
        "keyspaces": [{"name": "product", "loads": 100, "uncacheable": 9, "voided_fills": 50}]});
    assert_eq!(complaints(&StatsSeries::new(stats(ever.clone()))), []);
    let mut again = ever;
    again["recent"][0]["counts"]["uncacheable"] = json!(1);
    assert_eq!(complaints(&StatsSeries::new(stats(again))), [("uncacheable", Verdict::Warn)]);
    let new = json!({"uptime": 60.0, "loads": 100, "load_failures": 50, "keyspaces": []});
    assert_eq!(complaints(&StatsSeries::new(stats(new))), [("loads", Verdict::Warn)]);
}

#[test]
fn a_service_with_short_lifetimes_passes_when_it_always_had_them() {
    let counts = json!({
        "uptime": 86_400.0,
        "memory": {"hits": 60_000_000, "entries": 9_000, "capacity": 64 << 20, "expirations": 40_000_000},
        "misses": 40_000_000, "loads": 40_000_000, "keyspaces": [],
    });
    let mut now = counts.clone();
    add(
        &mut now,
        &[("/memory/hits", 6_000), ("/misses", 4_000), ("/loads", 4_000), ("/memory/expirations", 4_000)],
    );
    assert_eq!(complaints(&watched(counts, now, 2)), []);
}

#[test]
fn a_service_that_has_just_started_passes_while_it_fills() {
    let begun = json!({
        "uptime": 20.0, "memory": {"entries": 3_000, "capacity": 64 << 20, "hits": 4_000},
        "disk": {
            "entries": 3_000, "bytes": 4 << 20, "usable_bytes": 800 << 20, "capacity": 1_000 << 20,
            "flush_interval": 0.1,
        },
        "misses": 6_000, "loads": 6_000, "keyspaces": [{"name": "product", "misses": 6_000, "loads": 6_000}],
    });
    let mut now = begun.clone();
    now["uptime"] = json!(22.0);
    add(&mut now, &[("/misses", 2_000), ("/loads", 2_000), ("/keyspaces/0/misses", 2_000)]);
    assert_eq!(complaints(&watched(begun, now, 2)), []);
}

/// A check, and a fault that the check must report.
type PlantedFault = (&'static str, &'static dyn Fn(&mut Value));

#[test]
fn each_fault_is_reported_by_its_own_check() {
    let faults: [PlantedFault; 11] = [
        ("memory churn", &|now| {
            add(
                now,
                &[
                    ("/memory/hits", 2_200),
                    ("/disk/hits", 7_772),
                    ("/misses", 28),
                    ("/promotions", 7_772),
                    ("/memory/evictions", 7_772),
                ],
            );
            now["memory"]["entries"] = json!(4_000);
        }),
        ("disk churn", &|now| {
            usual(now);
            add(now, &[("/misses", 2_600), ("/loads", 2_600), ("/disk/evictions", 2_700)]);
        }),
        ("flush", &|now| {
            usual(now);
            now["disk"]["flush_lag"] = json!(11.0);
        }),
        ("values", &|now| {
            usual(now);
            now["keyspaces"][0]["undecodable"] = json!(40);
        }),
        ("loads", &|now| {
            usual(now);
            add(now, &[("/load_failures", 200)]);
        }),
        ("slow loads", &|now| {
            usual(now);
            let slow = json!({"up_to": 2.4, "count": 400});
            now["keyspaces"][0]["load_latency"]["buckets"].as_array_mut().unwrap().push(slow);
        }),
        ("uncacheable", &|now| {
            usual(now);
            now["uncacheable"] = json!(3);
            now["keyspaces"][0]["uncacheable"] = json!(3);
        }),
        ("too large", &|now| {
            usual(now);
            now["too_large_for_disk"] = json!(100_000);
            now["keyspaces"][0]["too_large_for_disk"] = json!(100_000);
        }),
        ("fills", &|now| {
            usual(now);
            add(now, &[("/voided_fills", 300)]);
        }),
        ("hit trend", &|now| {
            add(now, &[("/memory/hits", 5_000), ("/misses", 5_000), ("/loads", 5_000)]);
        }),
        ("disk tier", &|now| {
            usual(now);
            now["disk"]["state"] = json!("suspended");
        }),
    ];
    for (check, plant) in faults {
        let series = match check {
            // The minimum of the samples counts, so the lag is long in each of them.
            "flush" => watched(
                json!({"uptime": 900.0, "disk": {"flush_lag": 0.31, "flush_interval": 0.1}}),
                json!({"uptime": 902.0, "disk": {"flush_lag": 0.6, "flush_interval": 0.1}}),
                2,
            ),
            _ => service(plant),
        };
        let found = complaints(&series);
        let [(by, _)] = found[..] else { panic!("{check}: {found:?}") };
        assert_eq!(by, check);
    }
}

#[test]
fn values_that_do_not_decode_warn_apart_from_invalidations() {
    let sample = stats(json!({"keyspaces": [{"name": "product", "undecodable": 2}], "invalidations": 3}));
    assert_eq!(invalidation(&sample).verdict, Verdict::Pass);
    assert!(invalidation(&sample).found.contains("made 3 removals since"));
    assert!(invalidation(&stats(json!({"invalidations": 1}))).found.contains("made 1 removal since"));
    // A service that loads or inserts values, but removes none, may have forgotten its invalidations.
    for json in [json!({"loads": 40}), json!({"inserts": 1}), json!({"loads": 4_000, "misses": 4_000})] {
        let line = invalidation(&stats(json));
        assert_eq!(line.verdict, Verdict::Unknown, "{line:?}");
        assert!(line.remedy.unwrap().contains("if an answer is stale"));
    }
    assert_eq!(invalidation(&stats(json!({}))).verdict, Verdict::Pass, "there is nothing to be stale");
    assert_eq!(values::check(&StatsSeries::new(sample)).verdict, Verdict::Warn);
}

#[test]
fn every_check_of_a_service_has_a_result_with_and_without_statistics() {
    let checks: Vec<&str> = of_stats(&service(usual), None).iter().map(|line| line.check).collect();
    assert_eq!(checks, CHECKS_OF_STATS);
    assert!(checks.iter().all(|check| check.len() <= 12), "the column has twelve letters");
}
