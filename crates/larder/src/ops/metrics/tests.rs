use std::collections::BTreeSet;

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::stats::remote::RemoteStats;

const NAME: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("name");

/// For each number in `loads`, performs that many loads and publishes once. Returns the text that Prometheus
/// would then scrape.
fn fetched(loads: &[u64]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::builder().path(dir.path().join("shop.larder")).open().unwrap();
    let names = cache.keyspace(NAME).unwrap();
    let recorder = PrometheusBuilder::new().build_recorder();
    let mut publisher = Publisher::new(&cache, "shop");
    ::metrics::with_local_recorder(&recorder, || {
        Publisher::describe();
        let mut key = 0;
        for loads in loads {
            for _ in 0..*loads {
                key += 1;
                names.get_or_load(&key.to_string(), || Ok::<_, crate::error::Error>(String::new())).unwrap();
            }
            cache.flush().unwrap();
            publisher.publish();
        }
    });
    recorder.handle().render()
}

/// Returns the text of a cache whose second tier is a server.
fn fetched_of_remote_tier() -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let mut publisher = Publisher::new(&Cache::builder().open().unwrap(), "shop");
    let remote = RemoteStats { hits: 5, failures: 7, unsent_uses: 11, ..RemoteStats::default() };
    let keyspace =
        KeyspaceStats { name: "name".to_owned(), memory_hits: 3, disk_hits: 5, ..KeyspaceStats::default() };
    let stats = Stats { remote: Some(remote), keyspaces: vec![keyspace], ..Stats::default() };
    ::metrics::with_local_recorder(&recorder, || {
        Publisher::describe();
        publisher.publish_stats(&stats);
    });
    recorder.handle().render()
}

#[test]
fn every_metric_is_published_under_its_name_with_its_kind_and_what_it_means() {
    let text = fetched(&[3]) + &fetched_of_remote_tier();
    let is_published = |name: &str| text.lines().any(|line| line.starts_with(name) && !line.starts_with('#'));
    for Metric { name, kind, .. } in METRICS {
        assert!(is_published(name), "{name} is missing from\n{text}");
        assert!(text.contains(&format!("# HELP {name} ")), "{name} is not described");
        let is_counted = *kind == MetricKind::Counter;
        assert_eq!(name.ends_with("_total"), is_counted, "{name}: Prometheus' convention for counters");
    }
    let published: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let known: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(published, known);
    assert!(text.contains(r#"larder_loads_total{cache="shop",keyspace="name"} 3"#), "{text}");
}

#[test]
fn the_hits_of_each_tier_have_its_label() {
    let hits = |text: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix("larder_hits_total{cache=\"shop\","));
        lines.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let expected = |tiers: [&str; 2]| tiers.map(|tier| format!("keyspace=\"name\",tier={tier}")).into();
    assert_eq!(hits(&fetched(&[1])), expected(["\"disk\"} 0", "\"memory\"} 0"]));
    let text = fetched_of_remote_tier();
    assert_eq!(hits(&text), expected(["\"memory\"} 3", "\"remote\"} 5"]));
    for line in ["larder_remote_failures_total{cache=\"shop\"} 7", "unsent_uses_total{cache=\"shop\"} 11"] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains("tier=\"disk\""), "{text}");
}

#[test]
fn a_latency_is_recorded_once_however_often_it_is_published() {
    let text = fetched(&[2, 0, 3]);
    let count = r#"larder_load_duration_seconds_count{cache="shop",keyspace="name"} 5"#;
    assert!(text.contains(count), "{text}");
}

#[test]
fn the_counters_of_a_cache_that_is_opened_again_go_on() {
    let recorder = PrometheusBuilder::new().build_recorder();
    ::metrics::with_local_recorder(&recorder, || {
        for keys in [0..3, 0..2] {
            let cache = Cache::builder().open().unwrap();
            let names = cache.keyspace(NAME).unwrap();
            let mut publisher = Publisher::new(&cache, "shop");
            for key in keys {
                names.get_or_load(&key.to_string(), || Ok::<_, crate::error::Error>(String::new())).unwrap();
                publisher.publish();
            }
        }
    });
    let text = recorder.handle().render();
    assert!(text.contains(r#"larder_loads_total{cache="shop",keyspace="name"} 5"#), "{text}");
}

#[test]
fn the_dashboard_asks_only_for_metrics_that_there_are() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/grafana-dashboard.json");
    let dashboard = std::fs::read_to_string(path).unwrap();
    let json: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let mut asked = BTreeSet::new();
    for target in
        json["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap())
    {
        let query = target["expr"].as_str().unwrap();
        let words = query.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let names: Vec<_> = words.filter(|word| word.starts_with("larder_")).collect();
        assert!(!names.is_empty(), "{query} asks for nothing of larder");
        asked.extend(names.into_iter().map(str::to_owned));
    }
    for name in &asked {
        let of_histogram = ["_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        let known = METRICS.iter().any(|metric| {
            metric.name == name || (metric.kind == MetricKind::Histogram && Some(metric.name) == of_histogram)
        });
        assert!(known, "{name} is in the dashboard, and is no metric");
    }
    let of_loads = ["load", "answers", "refreshes", "voided", "uncacheable"];
    let is_of_loads = |metric: &&Metric| of_loads.iter().any(|word| metric.name.contains(word));
    for Metric { name, kind, .. } in METRICS.iter().filter(is_of_loads) {
        let is_asked = asked.iter().any(|asked| {
            asked == name || (*kind == MetricKind::Histogram && asked.strip_suffix("_sum") == Some(*name))
        });
        assert!(is_asked, "the dashboard does not show {name}");
    }
    assert!(asked.len() > 15, "{asked:?}");
}
