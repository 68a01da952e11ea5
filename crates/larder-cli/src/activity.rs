//! The commands that ask a live cache which keys are at work: what they share.

pub(crate) mod hot;
pub(crate) mod monitor;
pub(crate) mod slow;

use std::path::Path;

use larder::control::{Client, ClientError, LiveKeyspaceInfo};
use larder::inspect::{KeyShape, escape_control};

use crate::exit::{Exit, Failure, of_process};
use crate::inspect::live::keys_of;
use crate::inspect::spelling::Speller;
use crate::live::{self, Absent};

/// Connects to a live cache, by its control socket or by the file that it has.
fn connect(path: &Path, json: bool) -> Result<Client, Failure> {
    if let Some(client) = live::process_behind(path, json)? {
        return Ok(client);
    }
    let (shown, why) = (path.display(), "only a live cache knows which keys are at work");
    Err(match live::absent(path)? {
        Absent::Ended { told } => Failure::new(Exit::InUse, format!("{shown}: {told}; {why}")),
        Absent::Unused => {
            let text = format!(
                "no process has {shown}, and {why}: start the service, with control=PATH in its LARDER_URL"
            );
            Failure::new(Exit::Usage, text)
        }
        Absent::Unasked => {
            let text = format!(
                "{shown} is no control socket, nor the file of a process that serves one, and {why}; \
                 give the path after `control=` in the service's LARDER_URL"
            );
            Failure::new(Exit::Usage, text)
        }
    })
}

/// A refusal of a process that samples no keys: the answer is no, and there is one that needs no sample.
fn without_sample(path: &Path, error: ClientError) -> Failure {
    match error {
        ClientError::Refused(refusal) if refusal.kind == "not_allowed" => {
            let text = format!(
                "{}; meanwhile `larder stats {}` shows the misses of each keyspace",
                of_process(&ClientError::Refused(refusal)),
                path.display()
            );
            Failure::new(Exit::No, escape_control(&text))
        }
        error => error.into(),
    }
}

/// The keyspaces of a live cache, by which its keys are shown as `larder keys` shows them.
struct Shown {
    keyspaces: Vec<LiveKeyspaceInfo>,
    /// The one of `--keyspace`.
    only: Option<String>,
}

impl Shown {
    fn of(client: &mut Client, only: Option<&str>) -> Result<Self, Failure> {
        Ok(Self { keyspaces: client.keyspaces()?, only: only.map(str::to_owned) })
    }

    /// Spells a key in the place of how the process did, unless its keyspace has come since.
    fn spell(&self, keyspace: &str, key_bytes: &str, key: &mut String) {
        let keyspaces = keys_of(&self.keyspaces, None);
        let found = keyspaces.iter().copied().find(|keys| keys.name == keyspace);
        let bytes = KeyShape::Unit.parse_key(key_bytes).ok();
        let speller = Speller::new(self.only.as_deref(), keyspaces.iter().copied());
        if let Some((keys, bytes)) = found.zip(bytes) {
            *key = speller.spell(keys, &bytes);
        }
    }
}
