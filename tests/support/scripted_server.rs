//! A server whose answers a test chooses, in the protocol of Redis.

use std::io::{BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;

use crate::scripted_sentinels::read_words;
use crate::support::{patient, watch_this_test};
use crate::watchdog::Watch;

/// The answer of a server to a request.
pub(crate) enum Scripted {
    /// The answer of a master that has no data and no scripts.
    Usual,
    Silence,
    /// These bytes.
    Reply(String),
    /// The first bytes once, and then the others until the client ends the connection.
    Flood(String, String),
}

type Script = dyn Fn(&[String]) -> Scripted + Send + Sync;

/// A server on its own Unix socket. Its thread ends with the process.
pub(crate) struct ScriptedServer {
    dir: tempfile::TempDir,
    _watch: Watch,
}

impl ScriptedServer {
    /// Starts a server. `script` returns the answer to each request.
    pub(crate) fn start(script: impl Fn(&[String]) -> Scripted + Send + Sync + 'static) -> Self {
        let server = Self { dir: tempfile::tempdir().unwrap(), _watch: watch_this_test() };
        let script: Arc<Script> = Arc::new(script);
        let listener = UnixListener::bind(server.socket()).unwrap();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, script) = (client.unwrap(), script.clone());
                std::thread::spawn(move || answer_all(&client, &*script));
            }
        });
        server
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("scripted.sock")
    }

    /// Returns the URL with these options. The time limits are long enough for a busy machine, unless the
    /// test sets its own.
    pub(crate) fn url(&self, options: &str) -> String {
        format!("redis+unix://{}?{}", self.socket().display(), patient(options))
    }
}

pub(crate) fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn answer_all(mut client: &UnixStream, script: &Script) {
    let mut input = BufReader::new(client);
    while let Some(words) = read_words(&mut input) {
        let (answer, flood) = match script(&words) {
            Scripted::Usual => (usual(&words), None),
            Scripted::Silence => continue,
            Scripted::Reply(answer) => (answer, None),
            Scripted::Flood(first, others) => (first, Some(others)),
        };
        let mut is_sent = client.write_all(answer.as_bytes()).is_ok();
        while let (true, Some(others)) = (is_sent, &flood) {
            is_sent = client.write_all(others.as_bytes()).is_ok();
        }
        if !is_sent {
            return;
        }
    }
}

/// Returns the answer of a master that has no data and no scripts.
pub(crate) fn usual(words: &[String]) -> String {
    let is_identity = words.get(1).is_some_and(|text| text.contains("local run, repl, name"));
    match words[0].as_str() {
        "HELLO" => "%2\r\n+role\r\n+master\r\n+mode\r\n+standalone\r\n".to_owned(),
        "SELECT" | "CLIENT" => "+OK\r\n".to_owned(),
        "PING" => "+PONG\r\n".to_owned(),
        "GET" => "_\r\n".to_owned(),
        "INFO" => bulk("run_id:run1\r\nmaster_replid:replication1\r\nrole:master\r\n"),
        // After this answer, the client sends the text of each script instead of its digest.
        "SCRIPT" => "-NOPERM this user has no permissions to run the 'script' command\r\n".to_owned(),
        "EVALSHA" => "-NOSCRIPT No matching script\r\n".to_owned(),
        "EVAL" if is_identity => bulk("world1"),
        _ => ":1\r\n".to_owned(),
    }
}
