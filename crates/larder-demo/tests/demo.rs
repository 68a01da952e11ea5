//! Tests of the built program: complete runs on real files, including the restart.

use std::process::{Command, Output};

use serde_json::Value;

const GUIDE: &str = include_str!("../../../docs/guide.md");
const README: &str = include_str!("../../../README.md");
/// The command that starts the demo, as in the documentation.
const COMMAND: &str = "\ncargo run --release -p larder-demo";

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_larder-demo")).args(arguments).output().expect("the built program runs")
}

#[test]
fn a_short_demo_restarts_itself_and_sees_no_stale_answer() {
    let dir = tempfile::tempdir().unwrap();
    let (demo_dir, json) = (dir.path().join("site"), dir.path().join("results.json"));
    let arguments = ["--requests", "10000", "--threads", "3", "--seed", "7"];
    let files = ["--dir", demo_dir.to_str().unwrap(), "--json", json.to_str().unwrap()];
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
    assert!(demo_dir.join("shop.sqlite").exists() && !demo_dir.join("handover.json").exists());
}

#[test]
fn a_directory_with_the_database_of_another_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("shop.sqlite"),
        "not a database at all, but longer than a header of one...",
    )
    .unwrap();
    let output = demo(&["--requests", "100", "--dir", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn results_that_could_not_be_written_and_a_file_as_directory_are_refused_before_anything_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let (demo_dir, file) = (dir.path().join("site"), dir.path().join("file"));
    std::fs::write(&file, "").unwrap();
    for results in [dir.path().to_owned(), dir.path().join("nowhere/results.json")] {
        let output = demo(&["--dir", demo_dir.to_str().unwrap(), "--json", results.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty() && !demo_dir.join("shop.sqlite").exists());
        assert!(String::from_utf8_lossy(&output.stderr).contains("--json"), "{output:?}");
    }
    let output = demo(&["--dir", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is a file, and --dir takes"), "{output:?}");
}

#[test]
fn an_empty_argument_is_refused_with_its_usual_cause() {
    let output = demo(&["--dir", ""]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(text, "larder-demo: the argument is empty; is a shell variable unset?\n");
}

#[test]
fn the_command_of_the_guide_works_and_the_readme_starts_the_demo_alike() {
    let (_, arguments) = GUIDE.split_once(COMMAND).expect("the guide starts the demo");
    let arguments: Vec<_> = arguments.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(arguments[0], "--");
    let output = demo(&arguments[1..]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(README.contains(COMMAND));
}
