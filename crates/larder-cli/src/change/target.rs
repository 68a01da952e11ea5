//! Where a change is made: in a file, by this process; or by the process that has it, through its control socket.

use std::path::{Path, PathBuf};

use larder::control::{Client, ClientError};
use larder::inspect::{Inspector, escape_control};

use super::in_use;
use crate::args::TargetOptions;
use crate::exit::{Exit, Failure, of_process};
use crate::live::{self, Owner};

pub(crate) use crate::live::is_socket;

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
            Some(socket) if is_socket(&file) => {
                let text = format!("{} and {} are two sockets: give one", file.display(), socket.display());
                return Err(Failure::new(Exit::Usage, text));
            }
            Some(socket) => {
                let facts = Inspector::open(&file)?.snapshot()?.file();
                Self::Live { client: live::of_file(socket, &facts)?, file: Some(file) }
            }
            None if is_socket(&file) && options.file_only => return Err(live::refuse_file_only(&file)),
            None if is_socket(&file) => Self::Live { client: Client::connect(&file)?, file: None },
            None if options.file_only => Self::File(file),
            None => Self::by_owner(file, options.json)?,
        })
    }

    /// The process that has a file, if it serves a socket. A process that has it and can't be asked is named.
    fn by_owner(file: PathBuf, json: bool) -> Result<Self, Failure> {
        let facts = Inspector::open(&file)?.snapshot()?.file();
        match Owner::of(&facts) {
            Owner::Answers(client) => {
                live::say(json, &live::asked(&client));
                Ok(Self::Live { client, file: Some(file) })
            }
            Owner::Mute(error) => Err(in_use(&file, &live::owner_of(&facts), &format!("{error}; stop it"))),
            Owner::Silent => Ok(Self::File(file)),
        }
    }

    /// The file, if it is known.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Live { file, .. } => file.as_deref(),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::Connect { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Exit::Missing
            }
            ClientError::Garbled { .. } => Exit::NotLarder,
            ClientError::NotOwner { .. } => Exit::InUse,
            ClientError::Refused(refusal) => match &*refusal.kind {
                "unknown_keyspace" => Exit::No,
                "bad_key" | "too_long" => Exit::Usage,
                "busy" => Exit::InUse,
                _ => Exit::System,
            },
            _ => Exit::System,
        };
        // What the process says of itself is in it.
        Self::new(exit, escape_control(&of_process(&error)))
    }
}
