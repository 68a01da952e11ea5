//! All commands. The dispatcher looks commands up in this table, and `COMMAND` reports it.

use std::sync::LazyLock;

use super::{
    client, config, connection, diagnostics, expiry, info, inspect, introspect, keys, many, numbers, ranges,
    scan, scripts, strings, transactions,
};
use crate::session::{Command, CommandTable};

/// The families in the order in which `COMMAND` lists them. Each module defines its own commands.
static FAMILIES: [&[Command]; 20] = [
    connection::COMMANDS,
    client::COMMANDS,
    strings::COMMANDS,
    numbers::COMMANDS,
    ranges::COMMANDS,
    many::COMMANDS,
    keys::COMMANDS,
    expiry::COMMANDS,
    scan::COMMANDS,
    inspect::OBJECT,
    transactions::WAIT,
    transactions::COMMANDS,
    scripts::COMMANDS,
    keys::FLUSHES,
    scan::SIZE,
    info::COMMANDS,
    config::COMMANDS,
    introspect::COMMANDS,
    inspect::MEMORY,
    diagnostics::COMMANDS,
];

pub(crate) static COMMANDS: LazyLock<CommandTable> = LazyLock::new(|| CommandTable::new(&FAMILIES));
