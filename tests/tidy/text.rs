//! Checks of the text of a file: its header, its length, and the width of its comments.

pub(crate) const MAX_FILE_LINES: usize = 400;
/// Maximum number of characters in a line of a comment or a page.
pub(crate) const MAX_TEXT_WIDTH: usize = 110;

pub(crate) fn has_header(text: &str) -> bool {
    text.starts_with("//!") || text.starts_with("#![")
}

/// Returns the numbers of comment lines that are too wide. The indentation and the comment marks count.
pub(crate) fn wide_comments(text: &str) -> Vec<usize> {
    wide_lines(text, |line| {
        let comment = line.trim_start().strip_prefix("//")?;
        Some(comment.trim_start_matches(['/', '!']).trim_start())
    })
}

/// Returns the numbers of a page's lines that are too wide.
pub(crate) fn wide_lines_of_page(text: &str) -> Vec<usize> {
    wide_lines(text, |line| Some(line.trim_start()))
}

/// Returns the numbers of lines that are too wide. Ignores tables, code, and lines with a long address.
/// `prose` returns a line without its indentation and comment marks, or `None` if the line is not prose.
fn wide_lines(text: &str, prose: impl Fn(&str) -> Option<&str>) -> Vec<usize> {
    let mut in_code = false;
    let mut wide = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some(prose) = prose(line) else {
            in_code = false;
            continue;
        };
        let is_fence = prose.starts_with("```");
        in_code ^= is_fence;
        let is_exempt = in_code || is_fence || prose.starts_with('|') || has_long_address(prose);
        if !is_exempt && line.chars().count() > MAX_TEXT_WIDTH {
            wide.push(index + 1);
        }
    }
    wide
}

/// Returns whether a line contains an address so long that the line cannot be broken.
fn has_long_address(line: &str) -> bool {
    line.split_whitespace().any(|word| word.contains("://") && word.chars().count() > MAX_TEXT_WIDTH / 2)
}

#[test]
fn comments_and_pages_are_measured() {
    let wide = "x".repeat(MAX_TEXT_WIDTH);
    assert_eq!(wide_comments(&format!("//! fits\nlet code = \"{wide}\";\n    // {wide}\n")), [3]);
    let documented =
        format!("/// | {wide} |\n/// ```\n/// {wide}\n/// ```\n/// {wide}\nfn of() {{}}\n// {wide}\n");
    assert_eq!(wide_comments(&documented), [5, 7]);
    let page = format!("{wide}\n{wide}x\n| {wide} |\n```text\n{wide}x\n```\nsee https://{wide}\n{wide}x\n");
    assert_eq!(wide_lines_of_page(&page), [2, 8]);
}
