use serde_json::json;

use super::super::line::Verdict;
use super::*;

fn stats(told: serde_json::Value) -> Stats {
    serde_json::from_value(told).unwrap()
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
fn a_poor_hit_rate_warns_once_there_were_enough_lookups() {
    let ever: Lifetime = serde_json::from_value(json!({"memory_hits": 100, "misses": 900})).unwrap();
    assert_eq!(hit_rate(None, Some(&ever)).verdict, Verdict::Warn);
    for (hits, misses, verdict) in
        [(0, 10, Verdict::Unknown), (400, 600, Verdict::Warn), (900, 100, Verdict::Pass)]
    {
        let line = hit_rate(Some(&stats(json!({"memory": {"hits": hits}, "misses": misses}))), None);
        assert_eq!(line.verdict, verdict, "{line:?}");
    }
}

#[test]
fn values_that_do_not_decode_warn_apart_from_invalidations() {
    let told = stats(json!({"keyspaces": [{"name": "product", "undecodable": 2}], "invalidations": 3}));
    assert_eq!(values::line(&told).verdict, Verdict::Warn);
    assert_eq!(invalidation(&told).verdict, Verdict::Pass);
}
