//! Decides who makes a change: this command in the file, or the process that owns the file, through its
//! control socket.

use std::path::{Path, PathBuf};

use larder::control::Client;
use larder::inspect::Inspector;

use super::in_use;
use crate::args::TargetOptions;
use crate::cache::owner::{self, OwnerContact, connect_for_file};
use crate::cache::path::is_socket;
use crate::term::exit::{Exit, Failure};
use crate::term::out::note;

pub(super) enum ChangeTarget {
    File(PathBuf),
    Process {
        client: Client,
        /// The file, if it was given together with the socket.
        file: Option<PathBuf>,
    },
}

impl ChangeTarget {
    pub(super) fn of(options: &TargetOptions) -> Result<Self, Failure> {
        let file = options.file.to_path_buf();
        Ok(match &options.socket {
            Some(socket) if is_socket(&file) => {
                let text = format!("{} and {} are two sockets: give one", file.display(), socket.display());
                return Err(Failure::new(Exit::Usage, text));
            }
            Some(socket) => {
                let info = Inspector::open(&file)?.snapshot()?.file();
                Self::Process { client: connect_for_file(socket, &info)?, file: Some(file) }
            }
            None if is_socket(&file) && options.file_only => return Err(owner::refuse_file_only(&file)),
            None if is_socket(&file) => Self::Process { client: Client::connect(&file)?, file: None },
            None if options.file_only => Self::File(file),
            None => Self::of_owner(file, options.json)?,
        })
    }

    /// Returns the owner of a file if it serves a socket, otherwise the file.
    ///
    /// Fails if the owner's socket cannot be used.
    fn of_owner(file: PathBuf, json: bool) -> Result<Self, Failure> {
        let info = Inspector::open(&file)?.snapshot()?.file();
        match OwnerContact::of(&info) {
            OwnerContact::Connected(client) => {
                note(json, &owner::asked(&client));
                Ok(Self::Process { client, file: Some(file) })
            }
            OwnerContact::Unreachable(error) => {
                Err(in_use(&file, &owner::owner_name(&info), &format!("{error}; stop it")))
            }
            OwnerContact::NoSocket => Ok(Self::File(file)),
        }
    }

    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Process { file, .. } => file.as_deref(),
        }
    }
}
