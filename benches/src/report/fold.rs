//! Wraps the lines of the page to the width of all Markdown in this repository.

const WIDTH: usize = 110;

/// Returns the page with wrapped paragraphs and list items. Tables, headings and pictures stay on one line,
/// because Markdown requires it.
pub(super) fn folded(page: &str) -> String {
    page.lines().flat_map(fold).fold(String::new(), |out, line| out + &line + "\n")
}

fn fold(line: &str) -> Vec<String> {
    if line.chars().count() <= WIDTH || line.starts_with(['|', '#', '!']) {
        return vec![line.to_owned()];
    }
    let indent = if line.starts_with("- ") { "  " } else { "" };
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    for word in line.split(' ') {
        let would_be = current.chars().count() + 1 + word.chars().count();
        if would_be > WIDTH && !current.is_empty() {
            lines.push(std::mem::replace(&mut current, indent.to_owned() + word));
        } else {
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
    }
    lines.push(current);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paragraphs_and_items_are_folded_and_tables_are_not() {
        let words = "word ".repeat(40);
        let page = format!("# {words}\n\n{}\n\n- {}\n\n| {words} |\n", words.trim(), words.trim());
        let folded = folded(&page);
        for line in folded.lines().filter(|line| !line.starts_with(['#', '|'])) {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert!(folded.contains("\n  word word"), "the item goes on, indented: {folded}");
        assert!(folded.contains(&format!("\n| {words} |\n")) && folded.starts_with(&format!("# {words}\n")));
        let words_of = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words_of(&folded), words_of(&page), "no word is lost");
    }
}
