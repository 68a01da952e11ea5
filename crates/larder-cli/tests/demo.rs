//! `larder demo` as a person runs it: the built command, on its own files, through its restart.

use std::process::{Command, Output};

use serde_json::Value;

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_larder"))
        .arg("demo")
        .args(arguments)
        .output()
        .expect("the built command runs")
}

#[test]
fn a_short_demo_restarts_itself_and_sees_no_stale_answer() {
    let dir = tempfile::tempdir().unwrap();
    let (site, json) = (dir.path().join("site"), dir.path().join("results.json"));
    let arguments = ["--requests", "10000", "--threads", "3", "--seed", "7"];
    let files = ["--dir", site.to_str().unwrap(), "--json", json.to_str().unwrap()];
    let output = demo(&[&arguments[..], &files[..]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));

    let results: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(results["stale_answers"], 0);
    assert_eq!(results["without"]["queries"], 10_000);
    for phase in ["without", "cold", "restarted"] {
        assert_eq!(results[phase]["requests"], 10_000, "{phase}");
    }
    assert!(results["cold"]["queries"].as_u64() < results["without"]["queries"].as_u64());
    assert!(results["restarted"]["disk_hit_rate"].as_f64() > Some(0.0), "nothing came back from disk");
    assert!(results["restarted"]["first_hit_ms"].as_f64() > Some(0.0));
    assert!(
        results["restarted"]["first_1000_hit_rate"].as_f64() > results["cold"]["hit_rate"].as_f64(),
        "a warm start is no better than a cold one: {results:#}"
    );
    assert!(text.contains("stale answers: none"), "{text}");
    assert!(site.join("shop.sqlite").exists() && !site.join("handover.json").exists());
}

#[test]
fn a_directory_with_another_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("shop.sqlite"),
        "not a database at all, but longer than a header of one...",
    )
    .unwrap();
    let output = demo(&["--requests", "100", "--dir", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
}
