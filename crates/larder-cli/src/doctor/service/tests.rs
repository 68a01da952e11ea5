use std::time::Duration;

use serde_json::{Value, json};

use super::super::line::Verdict;
use super::*;

fn stats(told: Value) -> Stats {
    serde_json::from_value(told).unwrap()
}

/// Two looks, so many seconds apart.
fn watched(before: Value, now: Value, seconds: u64) -> Looks {
    let mut looks = Looks::of(stats(before));
    looks.add(Duration::from_secs(seconds), stats(now));
    looks
}

/// A busy service on a usual day: it has run for a day, its tiers are full, and most lookups are answered from memory. What it did in
/// the seconds that it is watched comes from `change`.
fn service(change: impl Fn(&mut Value)) -> Looks {
    let before = json!({
        "uptime": 86_400.0,
        "memory": {"hits": 90_000_000, "entries": 60_000, "weight": 64 << 20, "capacity": 64 << 20, "evictions": 8_000_000},
        "disk": {
            "hits": 6_000_000, "entries": 600_000, "bytes": 800_u64 << 20, "usable_bytes": 810_u64 << 20,
            "capacity": 1_000_u64 << 20, "commits": 800_000, "evictions": 900_000, "flush_interval": 0.1,
            "flush_lag": 0.03, "commit_latency": {"buckets": [{"up_to": 0.004, "count": 800_000}]},
        },
        "misses": 4_000_000, "loads": 4_000_000, "load_failures": 4_000, "promotions": 6_000_000, "inserts": 100_000,
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

/// What 10,000 lookups of a usual day count, two seconds' worth.
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

/// The lines that are not as they should be.
fn complaints(looks: &Looks) -> Vec<(&'static str, Verdict)> {
    let lines = told(looks, None).into_iter();
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
    assert_eq!(complaints(&service(|_| {})), [], "nobody asks");
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
    assert_eq!(complaints(&service(sawtooth)), [], "one look may see the end of an interval");
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
        "uptime": 20.0, "memory": {"entries": 3_000, "capacity": 64 << 20, "hits": 1_000},
        "disk": {"entries": 3_000, "bytes": 4 << 20, "usable_bytes": 800 << 20, "capacity": 1_000 << 20, "flush_interval": 0.1},
        "misses": 9_000, "loads": 9_000, "keyspaces": [{"name": "product", "misses": 9_000, "loads": 9_000}],
    });
    let mut now = begun.clone();
    now["uptime"] = json!(22.0);
    add(&mut now, &[("/misses", 2_000), ("/loads", 2_000), ("/keyspaces/0/misses", 2_000)]);
    assert_eq!(complaints(&watched(begun, now, 2)), []);
}

#[test]
fn each_fault_is_told_by_its_own_line() {
    let faults: [(&str, &dyn Fn(&mut Value)); 11] = [
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
        let looks = match check {
            // The lag is long at every look.
            "flush" => watched(
                json!({"uptime": 900.0, "disk": {"flush_lag": 0.31, "flush_interval": 0.1}}),
                json!({"uptime": 902.0, "disk": {"flush_lag": 0.6, "flush_interval": 0.1}}),
                2,
            ),
            _ => service(plant),
        };
        let found = complaints(&looks);
        let [(by, _)] = found[..] else { panic!("{check}: {found:?}") };
        assert_eq!(by, check);
    }
}

fn line_of(looks: &Looks, check: &str) -> Line {
    told(looks, None).into_iter().find(|line| line.check == check).unwrap()
}

#[test]
fn a_lag_is_told_by_its_least_and_by_what_makes_it() {
    let lag = |lag: f64, commits: u64| {
        json!({"uptime": 900.0, "write_buffer": 1_000, "unsaved_bytes": 900, "disk": {"flush_lag": lag, "flush_interval": 0.1,
            "commit_latency": {"buckets": [{"up_to": 0.31, "count": commits}]}}})
    };
    let told = |looks: &Looks| {
        let line = line_of(looks, "flush");
        (line.verdict, format!("{} {}", line.found, line.remedy.unwrap_or_default()))
    };
    let (verdict, text) = told(&watched(lag(0.3, 10), lag(0.6, 16), 2));
    assert_eq!(verdict, Verdict::Warn);
    assert!(text.contains("300 ms to 600 ms in 2 s") && text.contains("a commit takes 310 ms"), "{text}");
    assert!(text.contains("nearly full"), "{text}");
    assert!(told(&watched(lag(0.5, 10), lag(2.4, 10), 2)).1.contains("nothing was committed"));
    assert!(told(&watched(lag(0.5, 10), lag(2.4, 12), 2)).1.contains("it grows"));
    assert_eq!(
        told(&watched(lag(0.6, 10), lag(0.02, 16), 2)).0,
        Verdict::Pass,
        "it went down between two commits"
    );
    assert_eq!(told(&Looks::of(stats(lag(0.6, 10)))).0, Verdict::Pass, "one look says nothing");
    assert_eq!(told(&Looks::of(stats(lag(11.0, 10)))).0, Verdict::Warn, "unless it is long");
}

#[test]
fn churn_is_told_with_how_long_an_entry_stays() {
    let line = line_of(
        &service(|now| {
            add(now, &[("/memory/hits", 2_228), ("/disk/hits", 7_772), ("/memory/evictions", 7_772)]);
            now["memory"]["entries"] = json!(7_772);
        }),
        "memory churn",
    );
    assert_eq!(line.verdict, Verdict::Warn);
    assert!(
        line.found.starts_with("3886/s evicted of 7772 held: each stays for about 2 s; 78 %"),
        "{line:?}"
    );
    assert!(line.remedy.unwrap().contains("`memory` in the service's URL (64 MiB now) toward the 800 MiB"));
    assert_eq!(
        (&line.numbers["evictions_per_second"], &line.numbers["stay_seconds"]),
        (&json!(3_886.0), &json!(2.0))
    );
}

#[test]
fn with_one_look_the_last_minute_speaks() {
    let mut now = json!({
        "uptime": 86_400.0, "memory": {"hits": 90_000_000, "entries": 60_000, "capacity": 64 << 20},
        "disk": {"hits": 9_000_000, "entries": 600_000, "flush_interval": 0.1}, "misses": 1_000_000,
        "recent": [{"over": 60.0, "counts": {"memory_hits": 5_000, "disk_hits": 5_000, "memory_evictions": 60_000}}],
    });
    let looks = |now: &Value| Looks::of(stats(now.clone()));
    let found: Vec<&str> = complaints(&looks(&now)).iter().map(|(check, _)| *check).collect();
    assert_eq!(found, [] as [&str; 0], "an entry stays for a minute");
    now["recent"][0]["counts"]["memory_evictions"] = json!(61_000);
    assert_eq!(complaints(&looks(&now)), [("memory churn", Verdict::Warn)]);
    now["recent"] = json!([{"over": 60.0, "counts": {"memory_hits": 5_000, "misses": 5_000}}]);
    assert_eq!(complaints(&looks(&now)), [("hit trend", Verdict::Warn)]);
}

#[test]
fn a_disk_tier_that_is_off_fails_and_one_that_was_off_warns() {
    let on = stats(json!({"disk": {"state": "on"}}));
    assert_eq!(disk_tier(&on).verdict, Verdict::Pass);
    let came_back = stats(json!({"disk": {"state": "on", "suspensions": 1, "recoveries": 1}}));
    assert_eq!(disk_tier(&came_back).verdict, Verdict::Warn);
    for state in ["suspended", "discarded"] {
        let off = stats(json!({"disk": {"state": state, "off": "no space left on device"}}));
        let line = disk_tier(&off);
        assert_eq!(line.verdict, Verdict::Fail);
        assert!(format!("{line:?}").contains("no space left on device"), "{line:?}");
    }
}

#[test]
fn a_poor_hit_rate_warns_once_there_were_enough_lookups_and_names_what_makes_the_misses() {
    let ever: Lifetime = serde_json::from_value(json!({"memory_hits": 100, "misses": 900})).unwrap();
    assert_eq!(hits::hit_rate(None, Some(&ever)).verdict, Verdict::Warn);
    let rate = |told: Value| hits::hit_rate(Some(&Looks::of(stats(told))), None);
    for (hits, misses, verdict) in
        [(0, 10, Verdict::Unknown), (400, 600, Verdict::Warn), (900, 100, Verdict::Pass)]
    {
        let line = rate(json!({"uptime": 900.0, "memory": {"hits": hits}, "misses": misses}));
        assert_eq!(line.verdict, verdict, "{line:?}");
    }
    let new = rate(json!({"uptime": 30.0, "memory": {"hits": 100}, "misses": 9_000}));
    assert_eq!(new.verdict, Verdict::Unknown, "it is still filling: {new:?}");
    for (more, remedy) in [
        (json!({"keyspaces": [{"name": "a", "undecodable": 8_000}]}), "do not decode"),
        (json!({"uncacheable": 8_000}), "can't be cached"),
        (json!({"load_failures": 8_000}), "loads that fail"),
        (json!({"memory": {"hits": 10, "evictions": 8_000}}), "raise `disk`, or `memory`"),
        (json!({"memory": {"hits": 10, "expirations": 8_000}}), "raise the TTL"),
        (json!({"invalidations": 8_000}), "remove by key"),
        (json!({}), "asked for once"),
    ] {
        let mut told = json!({"uptime": 900.0, "memory": {"hits": 100}, "misses": 9_000});
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let line = rate(told);
        assert!(line.remedy.as_ref().is_some_and(|told| told.contains(remedy)), "{remedy}: {line:?}");
    }
}

#[test]
fn values_that_do_not_decode_warn_apart_from_invalidations() {
    let told = stats(json!({"keyspaces": [{"name": "product", "undecodable": 2}], "invalidations": 3}));
    assert_eq!(invalidation(&told).verdict, Verdict::Pass);
    assert_eq!(values::line(&Looks::of(told)).verdict, Verdict::Warn);
}

#[test]
fn every_check_of_a_service_has_its_line_whether_it_tells_or_not() {
    let checks: Vec<&str> = told(&service(usual), None).iter().map(|line| line.check).collect();
    assert_eq!(checks, TOLD_BY_A_SERVICE);
    assert!(checks.iter().all(|check| check.len() <= 12), "the column has twelve letters");
}
