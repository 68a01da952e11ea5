//! Where a change is made: in a file, by this process; or by the process that has it, through its control socket.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use larder::control::{Client, ClientError, KeyspaceInfo};

use crate::args::TargetOptions;
use crate::exit::{Exit, Failure};

pub(crate) enum Target {
    File(PathBuf),
    /// The file is known if it was given beside the socket.
    Live {
        client: Client,
        file: Option<PathBuf>,
    },
}

impl Target {
    pub(crate) fn of(options: &TargetOptions) -> Result<Self, Failure> {
        let file = options.file.to_path_buf();
        Ok(match &options.socket {
            Some(socket) => Self::Live { client: Client::connect(socket)?, file: Some(file) },
            None if is_socket(&file) => Self::Live { client: Client::connect(&file)?, file: None },
            None => Self::File(file),
        })
    }

    /// The file, if it is known.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Live { file, .. } => file.as_deref(),
        }
    }
}

/// Whether a path names a socket.
pub(crate) fn is_socket(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// The shape of a live keyspace's keys; an empty one is no shape, and takes digits alone.
pub(crate) fn shape(keyspace: &KeyspaceInfo) -> &str {
    keyspace.keys.as_deref().unwrap_or_default()
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::Connect { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Exit::Missing
            }
            ClientError::Garbled { .. } => Exit::NotLarder,
            ClientError::Refused(refusal) => match &*refusal.kind {
                "unknown_keyspace" => Exit::No,
                "bad_key" | "too_long" => Exit::Usage,
                "busy" => Exit::InUse,
                _ => Exit::System,
            },
            _ => Exit::System,
        };
        Self::new(exit, error.to_string())
    }
}
