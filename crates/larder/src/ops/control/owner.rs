//! Connects to the process that owns a file, through the socket that the lock file names.
//!
//! Any program with write permission may change the lock file, and a crash leaves it in place. So its content
//! is checked:
//!
//! 1. The cache file is locked, and its owner has not ended. Otherwise there is no process to connect to.
//! 2. The process that answers at the socket has the process id in the lock file, and has the same file
//!    open. The file is the same if its identity or its path is equal.
//!
//! A process that has just stopped being the owner fails check (2), and gets no further request.

use std::fs;
use std::path::Path;

use super::client::Client;
use super::client_error::ClientError;
use super::protocol::Hello;
use crate::ops::inspect::file_info::{FileInfo, FileState};

impl Client {
    /// Connects to the owner of a file, through the control socket that the lock file names. Returns `None`
    /// if no process owns the file, if its owner has ended, or if its owner has no socket.
    ///
    /// The process that answers must have the owner's process id and the same file open. So a stale or forged
    /// path in the lock file does not lead to another cache.
    ///
    /// ```no_run
    /// use larder::{control::Client, inspect::Inspector};
    ///
    /// let file = Inspector::open("var/shop.larder")?.snapshot()?.file();
    /// if let Some(mut client) = Client::connect_to_owner(&file)? {
    ///     let stats = client.stats()?;
    ///     println!("process {}: {stats}", client.server().pid);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ClientError::NotOwner`] if another process answers. Otherwise, returns the same errors as
    /// [`connect`](Client::connect). The call fails within about five seconds.
    pub fn connect_to_owner(file: &FileInfo) -> Result<Option<Self>, ClientError> {
        let (FileState::Owned { pid, has_ended: false }, Some(socket)) = (file.state, &file.socket) else {
            return Ok(None);
        };
        let client = Self::connect(socket)?;
        match differs(client.server(), pid, file) {
            None => Ok(Some(client)),
            Some(cause) => Err(ClientError::NotOwner { path: socket.clone(), cause }),
        }
    }
}

/// Returns how the process that answers differs from the owner of a file, or `None` if it is the owner.
fn differs(server: &Hello, pid: Option<u32>, file: &FileInfo) -> Option<String> {
    let Some(pid) = pid else { return Some("the file does not say which process has it".to_owned()) };
    if server.pid != pid {
        return Some(format!("process {} answers there, and process {pid} has the file", server.pid));
    }
    let identity = file.identity.map(|identity| identity.to_string());
    let is_same = identity.is_some() && identity == server.file_identity
        || server.file.as_deref().is_some_and(|other| is_same_path(Path::new(other), &file.path));
    if is_same {
        return None;
    }
    let other = server.file.as_deref().unwrap_or("memory alone");
    Some(format!("process {pid} has another cache there, in {other}"))
}

fn is_same_path(one: &Path, other: &Path) -> bool {
    one == other || fs::canonicalize(one).ok().is_some_and(|one| fs::canonicalize(other).ok() == Some(one))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::api::cache::Cache;
    use crate::ops::inspect::Inspector;

    fn facts(path: &Path) -> FileInfo {
        Inspector::open(path).unwrap().snapshot().unwrap().file()
    }

    #[test]
    fn an_owner_is_found_from_its_file_and_only_while_it_serves() {
        let dir = tempfile::tempdir().unwrap();
        let (path, socket) = (dir.path().join("shop.larder"), dir.path().join("a sock%.sock"));
        let cache = Cache::builder().path(&path).control_socket(&socket).open().unwrap();
        let found = facts(&path);
        assert_eq!(found.socket.as_deref(), Some(&*socket));
        let mut client = Client::connect_to_owner(&found).unwrap().unwrap();
        assert_eq!(client.server().pid, std::process::id());
        assert_eq!(client.server().file_identity, found.identity.map(|identity| identity.to_string()));
        client.flush().unwrap();
        // Without an identity, the paths are compared. A path through a symbolic link matches too.
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        let by_link = FileInfo { path: link.join("shop.larder"), identity: None, ..found.clone() };
        assert!(Client::connect_to_owner(&by_link).unwrap().is_some());
        cache.close().unwrap();
        assert_eq!(facts(&path).socket, None, "the line goes with the owner");
        assert!(Client::connect_to_owner(&facts(&path)).unwrap().is_none());
        assert!(matches!(Client::connect_to_owner(&found), Err(ClientError::Connect { .. })));
        let without = Cache::builder().path(&path).open().unwrap();
        assert_eq!(facts(&path).socket, None);
        drop(without);
    }

    #[test]
    fn a_line_that_leads_to_another_cache_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name);
        let _one = Cache::builder().path(place("one")).control_socket(place("1.sock")).open().unwrap();
        let _two = Cache::builder().path(place("two")).control_socket(place("2.sock")).open().unwrap();
        let found = facts(&place("one"));
        let planted = FileInfo { socket: Some(place("2.sock")), ..found.clone() };
        let Err(ClientError::NotOwner { cause, .. }) = Client::connect_to_owner(&planted) else {
            panic!("another cache of the same process")
        };
        assert!(cause.contains("two"), "{cause}");
        let state = FileState::Owned { pid: Some(1), has_ended: false };
        let other = FileInfo { state, ..found.clone() };
        assert!(matches!(Client::connect_to_owner(&other), Err(ClientError::NotOwner { .. })));
        let ended = FileInfo { state: FileState::Owned { pid: Some(1), has_ended: true }, ..found };
        assert!(Client::connect_to_owner(&ended).unwrap().is_none());
    }

    #[test]
    fn what_does_not_say_who_it_is_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("mute");
        let listener = UnixListener::bind(&socket).unwrap();
        let (held, holds) = mpsc::channel();
        // The thread accepts a connection, and sends nothing until the client has disconnected.
        let mute = std::thread::spawn(move || held.send(listener.accept().unwrap()).unwrap());
        let waited = Client::connect_within(&socket, Duration::from_millis(1));
        let Err(error @ ClientError::Silent { .. }) = &waited else { panic!("{waited:?}") };
        let text = error.to_string();
        for told in ["connected to", "within 1ms", "stopped", "forked", "long verification or removal"] {
            assert!(text.contains(told), "{told}: {text}");
        }
        mute.join().unwrap();
        drop(holds);
    }
}
