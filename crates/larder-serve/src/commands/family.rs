//! Macros that define the commands of a family.

use crate::session::Hot;

/// Defines the commands of a family: name, arity, flags, keys, function, summary.
///
/// A function of [`super::data`] in brackets marks a data command. That function runs the command alone, and
/// `EXEC` runs the command's own function within a transaction.
macro_rules! family {
    ($group:literal; $($name:literal $arity:literal ($flags:expr) $keys:ident $([$how:ident])? $run:path, $summary:literal;)*) => {
        &[$($crate::session::Command {
            name: $name,
            arity: $arity,
            flags: $flags,
            keys: $crate::session::KeyPositions::$keys,
            group: $group,
            summary: $summary,
            run: $crate::commands::family::runner!($run $(, $how)?),
            data: $crate::commands::family::data!($run $(, $how)?),
            hot: $crate::commands::family::hot($name, &[$(stringify!($how))?]),
        }),*]
    };
}

/// Expands to the function that runs a command alone.
macro_rules! runner {
    ($run:path) => {
        |session, args, out| Box::pin($run(session, args, out))
    };
    ($run:path, $how:ident) => {
        |session, args, out| Box::pin($crate::commands::data::$how(session, args, out, $run))
    };
}

/// Expands to the function over entries, or to `None` if the command is not a data command.
macro_rules! data {
    ($run:path) => {
        None
    };
    ($run:path, $how:ident) => {
        Some($run)
    };
}

pub(super) use {data, family, runner};

/// `how` contains the function of [`super::data`] that runs a data command.
pub(super) const fn hot(name: &str, how: &[&str]) -> Hot {
    match (name.as_bytes(), how) {
        (b"get", _) => Hot::Get,
        (b"set", _) => Hot::Set,
        (_, [how]) if matches!(how.as_bytes(), b"entry") => Hot::Entry,
        _ => Hot::No,
    }
}
