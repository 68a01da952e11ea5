//! A redis-server in a process of its own, for the tests and benches of several packages.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

#[cfg(test)]
use crate::skip::skip;

/// Maximum number of checks whether a server that is starting answers. Together they take at least 20 s.
const MAX_CHECKS: u32 = 4_000;
const BETWEEN_CHECKS: Duration = Duration::from_millis(5);
/// The environment variable with the path of another server, for example of Valkey or of a newer Redis.
pub(crate) const PROGRAM: &str = "LARDER_REDIS_SERVER";

/// Returns the command that starts a server.
pub(crate) fn server_command() -> Command {
    Command::new(std::env::var_os(PROGRAM).unwrap_or_else(|| "redis-server".into()))
}

/// A running server on a Unix socket, by default without persistence. Dropping this value kills the
/// process.
#[derive(Debug)]
pub(crate) struct RedisProcess {
    pub(crate) child: Child,
    pub(crate) socket: PathBuf,
}

impl RedisProcess {
    /// Starts a server in a directory, with these additional arguments, and waits until it answers.
    ///
    /// The error is [`io::ErrorKind::NotFound`] if redis-server is not installed.
    pub(crate) fn start(dir: &Path, arguments: &[&str]) -> io::Result<Self> {
        let mut server = Self::spawn(dir, arguments)?;
        for _ in 0..MAX_CHECKS {
            // A server with a password refuses the request, and is ready. A server that loads its data is
            // not.
            if server.send("PING").is_ok_and(|reply| reply == "+PONG" || reply.starts_with("-NOAUTH")) {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                return Err(io::Error::other(format!("redis-server has ended: {status}")));
            }
            pause();
        }
        Err(io::Error::other("redis-server does not answer"))
    }

    /// Starts a server like [`start`](Self::start), and returns at once.
    pub(crate) fn spawn(dir: &Path, arguments: &[&str]) -> io::Result<Self> {
        let socket = dir.join("redis.sock");
        let mut command = server_command();
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(&socket);
        command.args(arguments).current_dir(dir).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { child: command.spawn()?, socket })
    }

    /// Sends a request whose words contain no spaces. Returns the first line of the reply.
    pub(crate) fn send(&self, request: &str) -> io::Result<String> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.write_all(format!("{request}\r\n").as_bytes())?;
        let mut reply = Vec::new();
        while !reply.ends_with(b"\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            reply.extend_from_slice(&byte);
        }
        Ok(String::from_utf8_lossy(&reply).trim_end().to_owned())
    }
}

#[cfg(test)]
impl RedisProcess {
    /// Starts a server for a test. If redis-server is not installed, prints that and returns `None`. The
    /// including crate has the module `skip`.
    pub(crate) fn start_or_skip(dir: &Path, arguments: &[&str]) -> Option<Self> {
        match Self::start(dir, arguments) {
            Ok(server) => Some(server),
            // A path in the variable is a request for this server, so its absence is a failure.
            Err(error) if error.kind() == io::ErrorKind::NotFound && std::env::var_os(PROGRAM).is_none() => {
                skip("this machine has no redis-server");
                None
            }
            Err(error) => panic!("{:?}: {error}", server_command().get_program()),
        }
    }
}

impl Drop for RedisProcess {
    fn drop(&mut self) {
        // SIGKILL also ends a stopped process.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[expect(clippy::disallowed_methods, reason = "no signal tells that another process is ready")]
fn pause() {
    std::thread::sleep(BETWEEN_CHECKS);
}
