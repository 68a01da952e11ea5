//! Tests of the texts and verdicts of single checks.

use super::*;

fn result_of(series: &StatsSeries, check: &str) -> CheckResult {
    of_stats(series, None).into_iter().find(|line| line.check == check).unwrap()
}

#[test]
fn the_flush_check_reports_the_minimum_lag_and_its_cause() {
    let lag = |lag: f64, commits: u64| {
        json!({"uptime": 900.0, "write_buffer": 1_000, "unsaved_bytes": 900, "disk": {
            "flush_lag": lag, "flush_interval": 0.1,
            "commit_latency": {"buckets": [{"up_to": 0.31, "count": commits}]}}})
    };
    let flush_check = |series: &StatsSeries| {
        let line = result_of(series, "flush");
        (line.verdict, format!("{} {}", line.found, line.remedy.unwrap_or_default()))
    };
    let (verdict, text) = flush_check(&watched(lag(0.3, 10), lag(0.6, 16), 2));
    assert_eq!(verdict, Verdict::Warn);
    assert!(text.contains("300 ms to 600 ms in 2 s") && text.contains("a commit takes 310 ms"), "{text}");
    assert!(text.contains("nearly full"), "{text}");
    assert!(flush_check(&watched(lag(0.5, 10), lag(2.4, 10), 2)).1.contains("nothing was committed"));
    assert!(flush_check(&watched(lag(0.5, 10), lag(2.4, 12), 2)).1.contains("it grows"));
    assert_eq!(
        flush_check(&watched(lag(0.6, 10), lag(0.02, 16), 2)).0,
        Verdict::Pass,
        "it went down between two commits"
    );
    assert_eq!(
        flush_check(&StatsSeries::new(stats(lag(0.6, 10)))).0,
        Verdict::Pass,
        "a single sample proves nothing"
    );
    assert_eq!(flush_check(&StatsSeries::new(stats(lag(11.0, 10)))).0, Verdict::Warn, "unless it is long");
}

#[test]
fn churn_is_reported_with_how_long_an_entry_stays() {
    let line = result_of(
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
fn with_a_single_sample_the_last_minute_decides() {
    let mut now = json!({
        "uptime": 86_400.0, "memory": {"hits": 90_000_000, "entries": 60_000, "capacity": 64 << 20},
        "disk": {"hits": 9_000_000, "entries": 600_000, "flush_interval": 0.1}, "misses": 1_000_000,
        "recent": [
            {"over": 60.0, "counts": {"memory_hits": 5_000, "disk_hits": 5_000, "memory_evictions": 60_000}},
        ],
    });
    let series = |now: &Value| StatsSeries::new(stats(now.clone()));
    let found: Vec<&str> = complaints(&series(&now)).iter().map(|(check, _)| *check).collect();
    assert_eq!(found, [] as [&str; 0], "an entry stays for a minute");
    now["recent"][0]["counts"]["memory_evictions"] = json!(61_000);
    assert_eq!(complaints(&series(&now)), [("memory churn", Verdict::Warn)]);
    now["recent"] = json!([{"over": 60.0, "counts": {"memory_hits": 5_000, "misses": 5_000}}]);
    assert_eq!(complaints(&series(&now)), [("hit trend", Verdict::Warn)]);
}

#[test]
fn a_service_with_few_lookups_a_second_is_judged_by_the_last_minute() {
    let before = json!({
        "uptime": 86_400.0, "memory": {"hits": 9_000_000, "entries": 500, "capacity": 1 << 20},
        "disk": {"entries": 600_000, "hits": 6_000_000, "flush_interval": 0.1},
    });
    let mut now = before.clone();
    add(&mut now, &[("/memory/hits", 40), ("/disk/hits", 60)]);
    now["recent"] = json!([
        {"over": 60.0, "counts": {"memory_hits": 1_200, "disk_hits": 1_800, "memory_evictions": 1_800}},
    ]);
    let line = result_of(&watched(before, now, 2), "memory churn");
    assert!(line.verdict == Verdict::Warn && line.found.contains("of 3000 lookups"), "{line:?}");
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
fn a_poor_hit_rate_warns_after_enough_lookups_and_names_the_cause_of_the_misses() {
    let ever: CumulativeStats = serde_json::from_value(json!({"memory_hits": 100, "misses": 900})).unwrap();
    assert_eq!(hits::hit_rate(None, Some(&ever)).verdict, Verdict::Warn);
    let rate = |json: Value| hits::hit_rate(Some(&StatsSeries::new(stats(json))), None);
    for (hits, misses, verdict) in
        [(0, 10, Verdict::Unknown), (400, 600, Verdict::Warn), (900, 100, Verdict::Pass)]
    {
        let line = rate(json!({"uptime": 900.0, "memory": {"hits": hits}, "misses": misses}));
        assert_eq!(line.verdict, verdict, "{line:?}");
    }
    let well = rate(json!({"uptime": 9_000.0, "memory": {"hits": 4_000}, "misses": 6_000,
        "recent": [{"over": 60.0, "counts": {"memory_hits": 900, "misses": 100}}]}));
    assert_eq!(well.verdict, Verdict::Pass, "it took long to fill: {well:?}");
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
        let mut json = json!({"uptime": 900.0, "memory": {"hits": 100}, "misses": 9_000});
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let line = rate(json);
        assert!(line.remedy.as_ref().is_some_and(|text| text.contains(remedy)), "{remedy}: {line:?}");
    }
}
