//! Opens a cache file for reading, and finds the keyspaces that a command selects.

use std::path::Path;

use larder::control::{Client, LiveKeyspaceInfo};
use larder::inspect::{Inspector, KeyspaceInfo, Snapshot};

use super::spelling::{KeySyntax, no_such_keyspace};
use crate::term::exit::Failure;

/// Opens a file, and takes a snapshot of its last commit.
pub(crate) fn open(file: &Path) -> Result<Snapshot, Failure> {
    Ok(Inspector::open(file)?.snapshot()?)
}

/// Returns the keyspace with a name. Otherwise fails with a list of the existing keyspaces.
pub(crate) fn keyspace<'a>(snapshot: &'a Snapshot, name: &str) -> Result<&'a KeyspaceInfo, Failure> {
    snapshot.keyspace(name).ok_or_else(|| {
        let keyspaces: Vec<_> = snapshot.keyspaces().iter().map(KeySyntax::of).collect();
        no_such_keyspace(&keyspaces, name)
    })
}

/// Returns the keyspace that `--keyspace` names, or all keyspaces without that option.
pub(crate) fn chosen<'a>(snapshot: &'a Snapshot, name: Option<&str>) -> Result<&'a [KeyspaceInfo], Failure> {
    match name {
        Some(name) => Ok(std::slice::from_ref(keyspace(snapshot, name)?)),
        None => Ok(snapshot.keyspaces()),
    }
}

/// Opens the file of a process, if the file is visible from here.
pub(crate) fn of_process(client: &Client) -> Option<Snapshot> {
    let server = client.server();
    let identity = server.file_identity.as_ref()?;
    let snapshot = open(server.file.as_ref()?.as_ref()).ok()?;
    // The identities are compared, because the same path may lead to another file in another container.
    let is_same = snapshot.file().identity.is_some_and(|found| found.to_string() == *identity);
    is_same.then_some(snapshot)
}

/// Returns the syntax of the keys in each keyspace of a process.
///
/// The syntax of a keyspace that the process has not opened comes from the file.
pub(crate) fn keys_of<'a>(
    keyspaces: &'a [LiveKeyspaceInfo],
    file: Option<&'a Snapshot>,
) -> Vec<KeySyntax<'a>> {
    let in_file = |name: &str| file?.keyspace(name).map(KeySyntax::of);
    let keys = keyspaces.iter().map(|found| match &found.keys {
        Some(shape) => KeySyntax { name: &found.name, shape, schema: found.schema.as_deref() },
        None => in_file(&found.name).unwrap_or(KeySyntax { name: &found.name, shape: "", schema: None }),
    });
    keys.collect()
}
