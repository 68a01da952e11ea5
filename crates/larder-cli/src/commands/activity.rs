//! The commands that show the use of a live cache: its hot keys, its slow loads and its operations.

pub(crate) mod hot;
pub(crate) mod monitor;
pub(crate) mod slow;

use std::path::Path;

use larder::control::{Client, ClientError, LiveKeyspaceInfo, RefusalKind};
use larder::inspect::{KeyShape, escape_control};

use crate::cache::errors::client_text;
use crate::cache::owner::{NoProcess, connect_process, why_no_process};
use crate::cache::snapshot::keys_of;
use crate::cache::spelling::Speller;
use crate::term::exit::{Exit, Failure};

/// Connects to a live cache, given its control socket or its file.
fn connect(path: &Path, json: bool) -> Result<Client, Failure> {
    if let Some(client) = connect_process(path, json)? {
        return Ok(client);
    }
    let (shown, why) = (path.display(), "only a live cache knows which keys are in use");
    Err(match why_no_process(path)? {
        NoProcess::OwnerEnded { text } => Failure::new(Exit::InUse, format!("{shown}: {text}; {why}")),
        NoProcess::Unowned => {
            let text = format!(
                "no process has {shown}, and {why}: start the service, with control=PATH in its LARDER_URL"
            );
            Failure::new(Exit::Usage, text)
        }
        NoProcess::NoSocket => {
            let text = format!(
                "{shown} is neither a control socket nor the file of a process that serves one, and {why}; \
                 give the path after `control=` in the service's LARDER_URL"
            );
            Failure::new(Exit::Usage, text)
        }
    })
}

/// Converts a client's error. If the process does not sample keys, the failure has exit code 1 and names a
/// command that needs no sample.
fn without_sample(path: &Path, error: ClientError) -> Failure {
    match error {
        ClientError::Refused(refusal) if refusal.kind == RefusalKind::NotAllowed => {
            let text = format!(
                "{}; meanwhile `larder stats {}` shows the misses of each keyspace",
                client_text(&ClientError::Refused(refusal)),
                path.display()
            );
            Failure::new(Exit::No, escape_control(&text))
        }
        error => error.into(),
    }
}

/// Spells the keys of a live cache as `larder keys` does.
struct KeyNames {
    keyspaces: Vec<LiveKeyspaceInfo>,
    only: Option<String>,
}

impl KeyNames {
    fn of(client: &mut Client, only: Option<&str>) -> Result<Self, Failure> {
        Ok(Self { keyspaces: client.keyspaces()?, only: only.map(str::to_owned) })
    }

    /// Replaces the text that the process sent for a key with this command's spelling. Keeps the text if the
    /// keyspace was opened after the keyspaces were listed.
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
