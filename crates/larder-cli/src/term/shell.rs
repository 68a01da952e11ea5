//! Quotes words for a shell.

use larder::inspect::escape_control;

/// Quotes a text so that a shell reads it as one word.
///
/// Control characters are escaped as in Rust, because no form of them is both safe in a terminal and
/// readable by every shell.
pub(crate) fn shell_word(text: &str) -> String {
    let text = escape_control(text);
    let is_plain =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '%' | '/' | ':');
    if !text.is_empty() && text.chars().all(is_plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_split_or_expand_it() {
        assert_eq!(shell_word("/var/lib/shop.larder"), "/var/lib/shop.larder");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word("\u{1B}[2J"), "'\\u{1B}[2J'");
    }
}
