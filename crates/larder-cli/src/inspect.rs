//! The commands that look into a cache file: what they share.

pub(crate) mod existing;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod info;
pub(crate) mod key;
pub(crate) mod keys;
pub(crate) mod live;
pub(crate) mod spelling;
pub(crate) mod ttl;
mod value;
pub(crate) mod verify;
pub(crate) mod why;

use std::path::Path;

use larder::inspect::{Inspector, KeyspaceInfo, Snapshot, escape_control};

use self::spelling::Keys;
use crate::exit::{Exit, Failure};

pub(crate) fn open(file: &Path) -> Result<Snapshot, Failure> {
    Ok(Inspector::open(file)?.snapshot()?)
}

/// The keyspace of a name, or which there are.
fn named<'a>(snapshot: &'a Snapshot, name: &str) -> Result<&'a KeyspaceInfo, Failure> {
    snapshot.keyspace(name).ok_or_else(|| {
        Failure::new(Exit::No, format!("there is no keyspace {name:?}; {}", which_there_are(snapshot)))
    })
}

fn which_there_are(snapshot: &Snapshot) -> String {
    which_of(&snapshot.keyspaces().iter().map(Keys::of).collect::<Vec<_>>())
}

fn which_of(keyspaces: &[Keys<'_>]) -> String {
    let names: Vec<_> = keyspaces.iter().map(|keyspace| escape_control(keyspace.name)).collect();
    if names.is_empty() {
        "the file has none".to_owned()
    } else {
        format!("the file has {}", names.join(", "))
    }
}
