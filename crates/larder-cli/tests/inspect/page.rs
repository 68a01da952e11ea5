//! Reads the examples of a documentation page: the commands, and the output that the page shows. Runs the
//! commands, and removes the parts of an output that may differ between runs.
//!
//! The tests read the transcripts from the pages, so that there is only one copy.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{stderr, stdout};
use crate::watchdog::{Watch, patience};

/// A block of shell commands, and the output that the page shows below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Example {
    /// The heading above the block, without its `#` signs.
    pub(crate) section: &'static str,
    pub(crate) script: &'static str,
    pub(crate) shown: &'static str,
}

/// Returns the examples of a page, in order.
///
/// # Panics
/// Panics if a block of commands has no output below it, because it would not be tested.
pub(crate) fn examples(page: &'static str) -> Vec<Example> {
    let (mut found, mut section, mut rest) = (Vec::new(), "", page);
    while let Some((line, after)) = rest.split_once('\n') {
        rest = after;
        if let Some(heading) = line.strip_prefix('#') {
            section = heading.trim_start_matches('#').trim();
        } else if let Some(language) = line.strip_prefix("```") {
            let (text, after) = block(after, section);
            rest = after;
            if language == "sh" {
                let next = after.strip_prefix("\n```").and_then(|next| next.split_once('\n'));
                let (_, next) = next.unwrap_or_else(|| panic!("no output: {text}"));
                let (shown, after) = block(next, section);
                found.push(Example { section, script: text, shown });
                rest = after;
            }
        }
    }
    found
}

fn block(text: &'static str, section: &str) -> (&'static str, &'static str) {
    let (text, after) = text.split_once("\n```").unwrap_or_else(|| panic!("{section}: a block has no end"));
    (text, after.split_once('\n').map_or("", |(_, after)| after))
}

/// Runs the commands of an example in a shell, in a directory. Returns their output. Panics if a command
/// fails.
pub(crate) fn run(example: &Example, dir: &Path) -> String {
    let Example { section, script, .. } = example;
    let output = output(example, dir);
    assert!(output.status.success(), "{section}: {script}\n{}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// Runs the commands of an example. The commands may fail.
pub(crate) fn output(Example { section, script, .. }: &Example, dir: &Path) -> Output {
    let _watch = Watch::over(format!("{section}: {script}"), patience());
    let binary = Path::new(env!("CARGO_BIN_EXE_larder")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.args(["-euc", script]).current_dir(dir).env("PATH", &path).env_remove("LARDER_URL");
    shell.output().unwrap()
}

/// Returns a text without the parts that differ between runs: numbers, their units, and the padding of
/// columns.
pub(crate) fn pattern(text: &str) -> String {
    text.lines().map(line_pattern).collect::<Vec<_>>().join("\n")
}

fn line_pattern(line: &str) -> String {
    const UNITS: [&str; 17] = [
        "ns", "µs", "ms", "s", "min", "h", "d", "B", "KiB", "MiB", "GiB", "TiB", "k", "M", "G", "days", "s,",
    ];
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let (core, tail) = word.split_at(word.trim_end_matches([',', '.', ':', ';', ')']).len());
        // "<0.1 ms" is a duration too.
        let core = core
            .strip_prefix('<')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            .unwrap_or(core);
        let follows_number = words.last().is_some_and(|last| last.ends_with('#'));
        if follows_number && UNITS.contains(&core) {
            // "1 min 0 s" becomes one number, with the punctuation after it.
            words.last_mut().unwrap().push_str(tail);
        } else {
            let word = numberless(core) + tail;
            if !(follows_number && word.trim_end_matches([',', '.', ':', ';', ')']) == "#") {
                words.push(word);
            } else if let Some(last) = words.last_mut() {
                last.push_str(tail);
            }
        }
    }
    words.join(" ")
}

/// Replaces each number in a word, with its fraction, by `#`. Also removes the unit of a duration at the
/// end of the word.
fn numberless(word: &str) -> String {
    let mut out = String::new();
    let mut letters = word.chars().peekable();
    while let Some(letter) = letters.next() {
        if !letter.is_ascii_digit() {
            out.push(letter);
            continue;
        }
        while letters.next_if(|next| next.is_ascii_digit() || matches!(next, '.' | ',')).is_some() {}
        out.push('#');
    }
    for unit in ["#ns", "#µs", "#ms", "#s"] {
        if let Some(number) = out.strip_suffix(unit) {
            return format!("{number}#");
        }
    }
    out
}

#[test]
fn a_pattern_keeps_words_and_drops_numbers_with_their_units() {
    for (one, other) in [
        ("flush   the oldest for 12 s; 1.5ms or more", "flush the oldest for 1 min 3 s; 999.0µs or more"),
        ("evicted 3886/s, stays 1 min 0 s.", "evicted 2/s, stays 59 s."),
        ("in use by process 4711", "in use by process 12"),
        ("4.5 MiB of 64 MiB", "10 B of 1 GiB"),
        ("at 2100-01-01T00:00:30.000Z", "at 2026-11-26T02:45:44.123Z"),
    ] {
        assert_eq!(pattern(one), pattern(other));
    }
    for (one, other) in [("warn  flush", "pass  flush"), ("12 lookups", "12 entries"), ("a\nb", "a b")] {
        assert_ne!(pattern(one), pattern(other));
    }
}

#[test]
fn examples_are_found_with_their_section() {
    let page = "# A\n\n```sh\nx\n```\n\n```text\ny\nz\n```\n\n## B\n\n```text\n# no heading\n```\n\n```sh\nv\n```\n\n```json\nw\n```\n";
    let found: Vec<_> =
        examples(page).into_iter().map(|found| (found.section, found.script, found.shown)).collect();
    assert_eq!(found, [("A", "x", "y\nz"), ("B", "v", "w")]);
}
