//! The subcommands of each container command, with their number of words.
//!
//! The server checks these numbers before it queues a request. So after `MULTI`, an unknown subcommand gets
//! an error immediately, and `EXEC` then fails, as in Redis.

use super::errors;
use crate::protocol::arguments::Arguments;
use crate::session::Command;

/// Each container with its subcommands and their number of words. With a negative number `-n`, a request
/// has at least `n` words.
const CONTAINERS: [(&str, &[(&str, i32)]); 8] = [
    (
        "client",
        &[
            ("getname", 2),
            ("help", 2),
            ("id", 2),
            ("info", 2),
            ("kill", -3),
            ("list", -2),
            ("no-evict", 3),
            ("setinfo", 4),
            ("setname", 3),
        ],
    ),
    ("command", &[("count", 2), ("docs", -2), ("getkeys", -4), ("help", 2), ("info", -2), ("list", -2)]),
    ("config", &[("get", -3), ("help", 2), ("resetstat", 2), ("set", -4)]),
    (
        "latency",
        &[("doctor", 2), ("help", 2), ("histogram", -2), ("history", 3), ("latest", 2), ("reset", -2)],
    ),
    ("memory", &[("help", 2), ("usage", -3)]),
    ("object", &[("encoding", 3), ("freq", 3), ("help", 2), ("idletime", 3), ("refcount", 3)]),
    ("script", &[("exists", -3), ("flush", -2), ("help", 2), ("load", 3)]),
    ("slowlog", &[("get", -2), ("help", 2), ("len", 2), ("reset", 2)]),
];

/// Returns the error reply for an unknown subcommand or a wrong number of words. Returns `None` if the
/// request is valid, or if its command is not a container.
pub(super) fn error(command: &Command, args: Arguments<'_>) -> Option<Vec<u8>> {
    let (container, subcommands) = CONTAINERS.iter().find(|(name, _)| *name == command.name)?;
    let given = args.find(1)?;
    let Some((name, arity)) = subcommands.iter().find(|(name, _)| args.is(1, name)) else {
        return Some(errors::unknown_subcommand(&container.to_ascii_uppercase(), given));
    };
    let needed = usize::try_from(arity.unsigned_abs()).unwrap_or(usize::MAX);
    let fits = if *arity < 0 { args.len() >= needed } else { args.len() == needed };
    (!fits).then(|| errors::wrong_arity(&format!("{container}|{name}")).into_bytes())
}
