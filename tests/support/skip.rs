//! Tells why a test is skipped.

use std::fmt::Display;
use std::io::Write;

/// Writes the name of the test that runs on this thread, and why it is skipped. The test runner captures what
/// `println` and `eprintln` print, and shows it only for tests that fail. So this function writes to standard
/// error itself.
pub(crate) fn skip(reason: impl Display) {
    let thread = std::thread::current();
    let line = format!("skipped: {}: {reason}\n", thread.name().unwrap_or("a test"));
    drop(std::io::stderr().write_all(line.as_bytes()));
}

#[test]
fn the_reason_is_seen_without_an_option_of_the_runner() {
    const CHILD: &str = "LARDER_TEST_SKIP";
    if std::env::var_os(CHILD).is_some() {
        return skip("this is the child");
    }
    let thread = std::thread::current();
    let test = thread.name().unwrap();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", test]).env(CHILD, "1").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(&format!("skipped: {test}: this is the child")), "{output:?}");
}
