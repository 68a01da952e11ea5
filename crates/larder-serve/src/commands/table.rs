//! Every command. `COMMAND`, `COMMAND COUNT` and `COMMAND DOCS` read this table.

use std::sync::LazyLock;

use super::{client, connection, keys, strings};
use crate::session::{Command, CommandTable};

/// The families, in the order in which `COMMAND` lists their commands. Each module has the table of its own
/// commands.
static FAMILIES: [&[Command]; 4] =
    [connection::COMMANDS, client::COMMANDS, keys::COMMANDS, strings::COMMANDS];

/// All commands, by name.
pub(crate) static COMMANDS: LazyLock<CommandTable> = LazyLock::new(|| CommandTable::new(&FAMILIES));
