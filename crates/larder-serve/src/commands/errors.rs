//! The texts of error replies, as in Redis.

use larder::Error;

use super::unsupported;
use crate::protocol::arguments::Arguments;

pub(super) const SYNTAX: &str = "ERR syntax error";
pub(super) const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
pub(super) const OVERFLOW: &str = "ERR increment or decrement would overflow";
pub(super) const INVALID_EXPIRE_SET: &str = "ERR invalid expire time in 'set' command";
pub(super) const INVALID_EXPIRE_SETEX: &str = "ERR invalid expire time in 'setex' command";
pub(super) const INVALID_EXPIRE_PSETEX: &str = "ERR invalid expire time in 'psetex' command";
pub(super) const INVALID_EXPIRE_GETEX: &str = "ERR invalid expire time in 'getex' command";
pub(super) const WRONG_PASSWORD: &str = "WRONGPASS invalid username-password pair or user is disabled.";
pub(super) const NO_MULTI: &str = "ERR Command not allowed inside a transaction";
pub(super) const NO_AUTH: &str = "NOAUTH Authentication required.";
pub(super) const PANICKED: &str = "ERR the command has failed: the code of a value's type has panicked";
pub(super) const READ_ONLY: &str = "READONLY You can't write against a read only replica.";

/// Maximum number of bytes that an error reply quotes of an unknown command, and of its arguments, as in
/// Redis.
const MAX_REPEATED: usize = 128;

pub(crate) fn of(error: &Error) -> String {
    match error {
        // The cache's own text recommends repeating the call, but a repeated increment would count twice.
        Error::NotDurable { cause, .. } => {
            format!("MISCONF not durable: {cause}; memory has the change, the disk may not have it")
        }
        error => format!("ERR {error}"),
    }
}

pub(super) fn wrong_arity(command: &str) -> String {
    format!("ERR wrong number of arguments for '{command}' command")
}

pub(super) fn invalid_expire(command: &str) -> String {
    format!("ERR invalid expire time in '{command}' command")
}

pub(super) fn unknown_subcommand(command: &str, subcommand: &[u8]) -> Vec<u8> {
    let subcommand = repeated(subcommand, MAX_REPEATED);
    repeating("ERR unknown subcommand '", subcommand, &format!("'. Try {command} HELP."))
}

pub(super) fn unknown_command(args: Arguments<'_>) -> Vec<u8> {
    if let Some(text) = unsupported::purpose(args.get(0)) {
        return text.into_bytes();
    }
    let name = repeated(args.get(0), MAX_REPEATED);
    let mut text = repeating("ERR unknown command '", name, "', with args beginning with: ");
    let begin = text.len();
    for word in args.from(1) {
        let left = MAX_REPEATED.saturating_sub(text.len() - begin);
        if left == 0 {
            break;
        }
        text.extend([b"'", repeated(word, left), b"' "].concat());
    }
    text
}

/// Returns up to `max` bytes of a word, cut at the first zero byte.
pub(super) fn repeated(word: &[u8], max: usize) -> &[u8] {
    let end = word.iter().position(|byte| *byte == 0).unwrap_or(word.len()).min(max);
    word.get(..end).unwrap_or_default()
}

/// Returns an error that repeats a word of the request. The word may have any bytes, and is cut at the first
/// zero byte.
pub(super) fn repeating(before: &str, word: &[u8], after: &str) -> Vec<u8> {
    [before.as_bytes(), repeated(word, usize::MAX), after.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::arguments::Span;

    #[test]
    fn an_error_repeats_the_bytes_of_the_request() {
        let words = b"a\xff\0b\xfe";
        let spans = [Span { start: 0, end: 2 }, Span { start: 4, end: 5 }];
        let text = unknown_command(Arguments::new(words, &spans));
        assert_eq!(text, b"ERR unknown command 'a\xff', with args beginning with: '\xfe' ");
        assert_eq!(repeating("ERR ", words, "!"), b"ERR a\xff!");
    }

    #[test]
    fn an_unknown_command_is_repeated_with_a_part_of_its_words() {
        let words = b"x".repeat(300);
        let spans = [Span { start: 0, end: 200 }, Span { start: 0, end: 100 }, Span { start: 0, end: 300 }];
        let text = unknown_command(Arguments::new(&words, &spans));
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.matches('x').count(), 128 + 100 + (128 - 103), "{text}");
    }
}
