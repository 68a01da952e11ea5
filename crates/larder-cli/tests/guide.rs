//! Runs the commands of `docs/guide.md` in a shell, in a temporary directory. Changes only the paths and
//! the address of `larder serve`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

const GUIDE: &str = include_str!("../../../docs/guide.md");
/// The beginning of the demo's commands.
const DEMO: &str = "cargo run --release -p larder-demo -- ";

/// Returns the guide's code blocks in a language, each with the text after it.
fn blocks(language: &str) -> Vec<(&'static str, &'static str)> {
    let fence = format!("\n```{language}\n");
    GUIDE.split(&fence).skip(1).map(|rest| rest.split_once("\n```").expect("a block ends")).collect()
}

fn shell(script: &str, dir: &Path) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_larder")).parent().expect("it is in a directory");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.args(["-eu", "-c", script]).current_dir(dir).env("PATH", path).env_remove("LARDER_URL");
    shell
}

fn run(script: &str, dir: &Path) -> Output {
    shell(script, dir).output().expect("there is a shell")
}

/// Starts a server, waits until it listens, and ends it as systemd does. Its file and its socket are in
/// `dir`, because the paths in the guide may be in use on this machine.
fn serve(script: &str, dir: &Path) {
    let here = script.replace("/var/lib/shop/", "").replace("127.0.0.1:6379", "unix:s");
    assert!(here.contains("'file:shop.larder?") && here.ends_with("--listen unix:s"), "{here}");
    let mut command = shell(&format!("exec {here}"), dir);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("there is a shell");
    let errors = BufReader::new(child.stderr.take().expect("the pipe was asked for"));
    let listens = errors.lines().any(|line| line.expect("it writes text").contains("serving at "));
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it runs");
    assert!(child.wait().expect("it is this process' child").success() && listens, "{here}");
}

#[test]
fn every_command_of_the_guide_works_and_prints_what_is_shown() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (mut ran, mut compared) = (0, 0);
    for (script, after) in blocks("sh") {
        // The tests of the demo run these commands, with the same arguments.
        if script.starts_with(DEMO) {
            continue;
        }
        // This command is too slow to run here. The manifest shows that it would install `larder`.
        if let Some(path) = script.strip_prefix("cargo install --path ") {
            let manifest = std::fs::read_to_string(root.join(path).join("Cargo.toml")).unwrap();
            assert!(manifest.contains("[[bin]]\nname = \"larder\""), "{script}");
            continue;
        }
        // The tests of the server run these commands.
        if script.starts_with("redis-cli ") || script.starts_with("REDIS_URL=") {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        if script.starts_with("larder serve ") {
            serve(script, dir.path());
            ran += 1;
            continue;
        }
        let output = run(script, dir.path());
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{script}\n{text}{}", String::from_utf8_lossy(&output.stderr));
        ran += 1;
        if let Some(shown) = after.strip_prefix("\n\n```text\n") {
            let (shown, _) = shown.split_once("\n```").unwrap();
            assert_eq!(text.trim_end(), shown, "{script}");
            compared += 1;
        }
    }
    assert_eq!((ran, compared), (3, 1), "blocks of the guide that were run, and whose output was compared");
}

#[test]
fn the_commands_that_the_guide_mentions_exist() {
    let help = run("larder --help", Path::new("."));
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for quoted in GUIDE.split('`').filter_map(|text| text.strip_prefix("larder ")) {
        let command = quoted.split([' ', '\n']).next().unwrap();
        assert!(help.contains(&format!("  {command} ")), "larder {command} is not there");
    }
}
