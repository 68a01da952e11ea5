//! The rows of a family's table.

use crate::session::Hot;

/// Makes the table of a family: name, arity, flags, keys, function, summary.
macro_rules! family {
    ($group:literal; $($name:literal $arity:literal ($flags:expr) $keys:ident $run:path, $summary:literal;)*) => {
        &[$($crate::session::Command {
            name: $name,
            arity: $arity,
            flags: $flags,
            keys: $crate::session::KeyPositions::$keys,
            group: $group,
            summary: $summary,
            run: |session, args, out| Box::pin($run(session, args, out)),
            hot: $crate::commands::family::hot($name),
        }),*]
    };
}

pub(super) use family;

/// Returns how the dispatcher calls a command.
pub(super) const fn hot(name: &str) -> Hot {
    match name.as_bytes() {
        b"get" => Hot::Get,
        b"set" => Hot::Set,
        _ => Hot::No,
    }
}
