//! Runs the examples `first`, `service` and `metrics` as programs, and checks what they print and serve.
//! Calls the `main` of the example `manual_clock`, and includes its tests.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Included, so that this binary also runs the tests of the example.
#[path = "../examples/manual_clock.rs"]
mod manual_clock;

/// Returns the command that runs an example. `cargo test` builds all examples before it runs the tests.
fn example(name: &str, arguments: &[&str], dir: &Path) -> Command {
    let this = std::env::current_exe().unwrap();
    let built = this.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(built.exists(), "run `cargo build -p larder --examples` first: {} is missing", built.display());
    let mut command = Command::new(built);
    command.args(arguments).current_dir(dir);
    command
}

fn printed(name: &str, dir: &Path) -> String {
    let output = example(name, &[], dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A running example that serves an address. Dropping this value kills the process.
struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    /// Starts an example, and reads its address from its first line, between `before` and `after`.
    fn start(name: &str, dir: &Path, before: &str, after: &str) -> Self {
        let mut child = example(name, &["127.0.0.1:0"], dir).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, output, address }
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_first_example_loads_once_and_removes_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let expected = "\
querying the database for MTNVTU
opened: the product MTNVTU costs 100
opened again: the product MTNVTU costs 100
removed
";
    for _ in 0..2 {
        assert_eq!(printed("first", dir.path()), expected);
    }
}

#[test]
fn the_example_of_the_manual_clock_runs_without_it() {
    manual_clock::main().unwrap();
}

#[test]
fn the_service_shuts_down_gracefully_and_its_successor_has_its_entries() {
    let dir = tempfile::tempdir().unwrap();
    for lookups in ["closed after 3 lookups, 33 % of them hits", "closed after 3 lookups, 100 % of them hits"]
    {
        let mut server = Server::start("service", dir.path(), "listening on ", "");
        for (number, square) in [("7", "49\n"), ("7", "49\n"), ("12", "144\n")] {
            assert_eq!(server.ask(&format!("{number}\n")), square);
        }
        let pid = server.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut rest = String::new();
        server.output.read_to_string(&mut rest).unwrap();
        assert_eq!(rest.trim_end(), lookups);
        assert!(server.child.wait().unwrap().success());
    }
}

#[cfg(feature = "metrics")]
#[test]
fn the_metrics_example_serves_the_metrics_of_its_cache() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start("metrics", dir.path(), "serving http://", "/metrics");
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    server.ask(request);
    let answer = server.ask(request);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    // The first request loads the square of 0. The second request finds that square, and loads the square of
    // 1.
    for line in ["larder_loads_total", "larder_hits_total"] {
        assert!(answer.contains(line), "{line} is not in\n{answer}");
    }
}
