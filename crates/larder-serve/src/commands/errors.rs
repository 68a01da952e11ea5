//! The texts of error replies, as in Redis.

use std::fmt::Write;

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

pub(super) fn unknown_subcommand(command: &str, subcommand: &[u8]) -> String {
    let subcommand = repeated(subcommand, MAX_REPEATED);
    format!("ERR unknown subcommand '{subcommand}'. Try {command} HELP.")
}

pub(super) fn unknown_command(args: Arguments<'_>) -> String {
    if let Some(text) = unsupported::purpose(args.get(0)) {
        return text;
    }
    let mut words = String::new();
    for word in args.from(1) {
        let left = MAX_REPEATED.saturating_sub(words.len());
        if left == 0 {
            break;
        }
        let _ = write!(words, "'{}' ", repeated(word, left));
    }
    let name = repeated(args.get(0), MAX_REPEATED);
    format!("ERR unknown command '{name}', with args beginning with: {words}")
}

/// Returns up to `max` bytes of a word, cut at the first zero byte.
pub(super) fn repeated(word: &[u8], max: usize) -> String {
    let end = word.iter().position(|byte| *byte == 0).unwrap_or(word.len()).min(max);
    String::from_utf8_lossy(word.get(..end).unwrap_or_default()).into_owned()
}
