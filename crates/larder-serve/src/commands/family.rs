//! The rows of a family's table.

use crate::session::Hot;

/// Makes the table of a family: name, arity, flags, keys, function, summary.
///
/// A row with the name of a function of [`super::data`] in brackets is a data command: a function over
/// entries. The function of `data` runs it alone, and `EXEC` runs it as a part of a transaction.
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
            hot: $crate::commands::family::hot($name),
        }),*]
    };
}

/// The function that runs a command alone.
macro_rules! runner {
    ($run:path) => {
        |session, args, out| Box::pin($run(session, args, out))
    };
    ($run:path, $how:ident) => {
        |session, args, out| Box::pin($crate::commands::data::$how(session, args, out, $run))
    };
}

/// The function over entries, if the command is a data command.
macro_rules! data {
    ($run:path) => {
        None
    };
    ($run:path, $how:ident) => {
        Some($run)
    };
}

pub(super) use {data, family, runner};

/// Returns the way in which the dispatcher calls a command.
pub(super) const fn hot(name: &str) -> Hot {
    match name.as_bytes() {
        b"get" => Hot::Get,
        b"set" => Hot::Set,
        _ => Hot::No,
    }
}
