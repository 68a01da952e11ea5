//! Runs the commands of `docs/operations.md` and `docs/command.md` unchanged in a shell, on the cache file
//! that the pages use. [`crate::conditions`] runs the commands for a faulty service.

use std::path::Path;

use crate::conditions::SECTIONS;
use crate::page::{Example, examples, run};
use crate::support::{Place, stdout};

/// The page that is ordered by symptom, and the page that is ordered by command.
const PAGES: [&str; 2] =
    [include_str!("../../../../docs/operations.md"), include_str!("../../../../docs/command.md")];

/// Removes the lines that differ between runs: the length of the file and its random identity.
fn without_what_differs(text: &str) -> String {
    let differs = ["length ", "\"length\":", "identity ", "\"identity\":"];
    let is_other = |line: &&str| !differs.iter().any(|start| line.trim_start().starts_with(start));
    text.lines().filter(is_other).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_command_of_the_pages_prints_what_is_shown() {
    let place = Place::new();
    place.shop();
    place.settings();
    let (of_conditions, others): (Vec<Example>, Vec<Example>) =
        PAGES.into_iter().flat_map(examples).partition(|example| SECTIONS.contains(&example.section));
    let told = SECTIONS.map(|section| of_conditions.iter().filter(|one| one.section == section).count());
    assert!(told.iter().all(|examples| *examples > 0), "a condition without an example: {told:?}");
    assert!(others.len() >= 18, "{} examples", others.len());
    for example in others {
        let printed = run(&example, place.dir());
        let Example { script, shown, .. } = example;
        assert_eq!(without_what_differs(printed.trim_end()), without_what_differs(shown), "{script}");
    }
}

#[test]
fn the_page_and_the_help_have_the_same_exit_codes() {
    let output = crate::support::larder(Path::new("."), &["--help"]);
    let help = stdout(&output);
    let table = PAGES[1].split_once("### Exit codes").unwrap().1;
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let mut told = 0;
    for (code, rest) in rows.filter(|(code, _)| code.parse::<u8>().is_ok()) {
        let meaning = rest.split(" | ").next().unwrap().trim_end_matches(", as `head` does");
        assert!(
            help.contains(&format!("  {code:<4} {meaning}\n")),
            "the help does not say: {code} {meaning}"
        );
        told += 1;
    }
    assert_eq!(told, 13);
}

#[test]
fn every_command_of_the_help_is_on_the_page() {
    let help = stdout(&crate::support::larder(Path::new("."), &["--help"]));
    let commands = help.split_once("Commands:\n").unwrap().1.split_once("\n\nOptions").unwrap().0;
    // `docs/guide.md` shows `check`, and `help` needs no example.
    for command in commands.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()) {
        let is_elsewhere = ["", "help", "check"].contains(&command);
        assert!(
            is_elsewhere || PAGES.iter().any(|page| page.contains(&format!("larder {command}"))),
            "{command}"
        );
    }
}

#[test]
fn the_page_shows_what_top_draws() {
    let drawn = include_str!("../../src/commands/top/snapshots/live-80x24.txt");
    for line in drawn.lines().filter(|line| !line.is_empty()) {
        assert!(PAGES[1].contains(line), "{line}");
    }
}
