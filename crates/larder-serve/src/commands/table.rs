//! Every command. `COMMAND`, `COMMAND COUNT` and `COMMAND DOCS` read this table.

use super::{connection, keys, strings};
use crate::session::Command;

/// The families, in the order in which `COMMAND` lists their commands. Each module has the table of its own
/// commands.
pub(crate) static FAMILIES: [&[Command]; 3] = [connection::COMMANDS, keys::COMMANDS, strings::COMMANDS];
