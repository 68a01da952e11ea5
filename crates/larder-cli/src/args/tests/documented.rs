//! Checks that every `larder` command line in the documentation and in the help texts can be parsed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::CommandFactory;

use crate::args::{Arguments, EXAMPLES, EXIT_CODES};

/// The beginning of the first line of `top`'s screen, which looks like a command line.
const SCREEN: &str = "larder top  ";

/// Returns `README.md` and the pages in `docs`, each with its path.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = [root.join("README.md")].into_iter().chain(
        fs::read_dir(root.join("docs"))
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.is_file()),
    );
    let pages = files.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect()
}

/// Returns the names and help texts of all commands.
fn helps() -> Vec<(String, String)> {
    let mut all = Arguments::command();
    all.build();
    let name = |command: &clap::Command| command.get_name().to_owned();
    let mut helps: Vec<_> = all
        .get_subcommands_mut()
        .map(|command| (name(command), command.render_long_help().to_string()))
        .collect();
    helps.push((name(&all), all.render_long_help().to_string()));
    helps
}

/// Returns the code in a Markdown text: the lines of its code blocks, and its code spans. Every second part
/// between fences is a code block.
fn code(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, part) in text.split("```").enumerate() {
        if at % 2 == 1 {
            let (language, lines) = part.split_once('\n').unwrap_or(("", part));
            // In a block of output, only lines that begin with a command are checked, because sentences may
            // mention other commands.
            let is_shown = |line: &&str| match language {
                "" | "sh" => true,
                "text" => line.starts_with("larder "),
                _ => false,
            };
            found.extend(lines.lines().filter(is_shown).map(str::to_owned));
        } else {
            // A code span may continue on the next line.
            found.extend(part.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " ")));
        }
    }
    found
}

/// Returns the words of each `larder` command in a shell line.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![vec![String::new()]];
    let mut quote = None;
    for letter in line.replace("\\|", "|").chars() {
        let words: &mut Vec<String> = commands.last_mut().unwrap();
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '|' | ';' | '&' | '>' | '#' | '(' | ')' | '<') if !is_within_word(letter, words) => {
                commands.push(vec![String::new()]);
            }
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    for words in &mut commands {
        words.retain(|word| !word.is_empty());
    }
    commands.retain(|words| words.first().is_some_and(|word| word == "larder"));
    commands
}

/// Returns whether a character that usually ends a command is a part of the word here: `&` in a URL, as in
/// `memory=1MiB&disk=1GiB`, or `#` within a word.
fn is_within_word(letter: char, words: &[String]) -> bool {
    let word = words.last().map_or("", String::as_str);
    letter == '&' && word.contains('?') || letter == '#' && !word.is_empty()
}

/// Returns whether the words only name a command in a sentence (`larder stats`).
fn is_a_name(words: &[String]) -> bool {
    words.len() <= 2
}

fn subcommands() -> BTreeSet<String> {
    let mut all = Arguments::command();
    all.build();
    let shown = all.get_subcommands().filter(|command| !command.is_hide_set());
    shown.map(|command| command.get_name().to_owned()).collect()
}

#[test]
fn every_command_line_of_the_pages_and_of_the_help_is_understood() {
    let subcommands = subcommands();
    let mut read = 0;
    for (place, text) in pages().into_iter().chain(helps()) {
        for line in code(&text).iter().filter(|line| !line.trim().starts_with(SCREEN)) {
            for words in commands(line.trim()) {
                read += 1;
                let verb = words.get(1).map_or("", |verb| verb.trim_end_matches(','));
                let is_there = verb.is_empty() || verb.starts_with('-') || subcommands.contains(verb);
                assert!(is_there, "{place}: there is no such command: {line}");
                if let Err(error) = Arguments::read(&words)
                    && !is_a_name(&words)
                {
                    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
                    let is_answer = matches!(error.kind(), DisplayHelp | DisplayVersion);
                    assert!(is_answer, "{place}: {line}\n{error}");
                }
            }
        }
    }
    assert!(read > 100, "only {read} command lines were found");
}

#[test]
fn every_command_is_shown_on_a_page_for_operators() {
    let pages = pages();
    let of_operators =
        pages.iter().filter(|(place, _)| place.ends_with("operations.md") || place.ends_with("command.md"));
    let lines: Vec<String> = of_operators.flat_map(|(_, text)| code(text)).collect();
    let shown: BTreeSet<String> =
        lines.iter().flat_map(|line| commands(line)).filter_map(|words| words.get(1).cloned()).collect();
    for command in subcommands() {
        assert!(command == "help" || shown.contains(&command), "larder {command} is on neither page");
    }
}

#[test]
fn the_help_shows_commands_of_the_page_in_its_order() {
    let all = Arguments::command().render_long_help().to_string();
    assert!(all.contains(EXAMPLES) && all.contains(EXIT_CODES), "{all}");
    let pages = pages();
    let (_, page) = pages.iter().find(|(place, _)| place.ends_with("operations.md")).unwrap();
    let shown: Vec<String> =
        code(page).iter().flat_map(|line| commands(line)).filter_map(|words| words.get(1).cloned()).collect();
    let lines: Vec<&str> = EXAMPLES.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert!(lines.len() >= 8, "{lines:?}");
    let mut after = 0;
    for line in lines {
        let (example, purpose) = line.split_once("    ").unwrap();
        let words: Vec<&str> = example.split_whitespace().collect();
        assert!(Arguments::read(&words).is_ok(), "{example}");
        assert!(!purpose.trim().is_empty(), "{line}");
        let at = shown.iter().skip(after).position(|verb| verb == words[1]);
        after += at.unwrap_or_else(|| panic!("the page does not show larder {} that late", words[1]));
    }
}

#[test]
fn commands_are_found_in_lines_of_a_shell() {
    for (line, found) in [
        (
            "larder keys F --prefix '(\"MTN\",)' | tail -n 1",
            vec![vec!["larder", "keys", "F", "--prefix", "(\"MTN\",)"]],
        ),
        (
            "larder doctor file:x?memory=1MiB&disk=1GiB",
            vec![vec!["larder", "doctor", "file:x?memory=1MiB&disk=1GiB"]],
        ),
        ("larder why F K || echo \"larder\"", vec![vec!["larder", "why", "F", "K"]]),
        ("cd x; larder man > page", vec![vec!["larder", "man"]]),
        ("larder-product is a crate", vec![]),
    ] {
        assert_eq!(commands(line), found, "{line}");
    }
}
