//! What all connections of a server share.

use std::collections::HashMap;

use larder::Cache;

use super::Command;
use super::databases::Databases;
use super::output::OutputLimits;
use crate::protocol::limits::RequestLimits;

/// The cache, the databases, the settings, and the table of commands.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) cache: Cache,
    pub(crate) databases: Databases,
    pub(crate) commands: CommandTable,
    pub(crate) password: Option<Password>,
    pub(crate) is_read_only: bool,
    pub(crate) limits: RequestLimits,
    pub(crate) output_limits: OutputLimits,
}

/// A password. Its `Debug` does not show it.
pub(crate) struct Password(Box<[u8]>);

impl Password {
    pub(crate) fn new(password: &str) -> Self {
        Self(password.as_bytes().into())
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether this is the password. Takes the same time for each password of the same length, so that
    /// the time tells nothing about the right one.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        let mut difference = self.0.len() ^ given.len();
        for (index, byte) in given.iter().enumerate() {
            // Never out of range, and never empty: see `ServerBuilder::start`.
            let own = self.0.get(index % self.0.len().max(1)).copied().unwrap_or_default();
            difference |= usize::from(std::hint::black_box(own ^ byte));
        }
        std::hint::black_box(difference) == 0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}

/// The commands, by name.
#[derive(Debug)]
pub(crate) struct CommandTable {
    families: &'static [&'static [Command]],
    by_name: HashMap<&'static [u8], &'static Command>,
}

/// Maximum length of a command's name.
const MAX_NAME: usize = 32;

impl CommandTable {
    pub(crate) fn new(families: &'static [&'static [Command]]) -> Self {
        let all = families.iter().copied().flatten();
        let by_name = all.map(|command| (command.name.as_bytes(), command)).collect();
        Self { families, by_name }
    }

    /// Returns the command of this name, in any case of letters.
    pub(crate) fn find(&self, name: &[u8]) -> Option<&'static Command> {
        let mut lower = [0; MAX_NAME];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.by_name.get(&*lower).copied()
    }

    /// Returns all commands.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'static Command> + use<> {
        self.families.iter().copied().flatten()
    }
}
