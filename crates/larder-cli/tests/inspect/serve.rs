//! Tests of `larder serve` as a process: its sockets, its password, and its shutdown.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use larder::{Cache, KeyspaceDefinition};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{command, larder, stderr};
use crate::watchdog::{Watch, patience};

struct Service {
    child: Child,
    errors: BufReader<ChildStderr>,
}

impl Service {
    fn start(dir: &Path, arguments: &[&str], variables: &[(&str, &Path)]) -> Self {
        let mut command = command(dir, &[&["serve"], arguments].concat());
        command.envs(variables.iter().copied());
        Self::of(command)
    }

    /// Runs a command that becomes a server, and waits until it listens.
    fn of(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut service = Self { child, errors };
        let heard = service.hear("serving at ");
        assert!(heard.is_some(), "it ended: {:?}", service.child.wait());
        service
    }

    /// Reads lines until a line contains this text.
    fn hear(&mut self, text: &str) -> Option<String> {
        let _watch = Watch::over(format!("a server that is to say {text:?}"), patience());
        let mut line = String::new();
        while self.errors.read_line(&mut line).unwrap() > 0 {
            if line.contains(text) {
                return Some(line);
            }
            line.clear();
        }
        None
    }

    /// Ends the server as systemd does. Returns its exit code.
    fn stop(mut self) -> Option<i32> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        let _watch = Watch::over("a server that is to end".to_owned(), patience());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends a line. Returns the line that the server answers.
fn ask(socket: &Path, line: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(patience())).unwrap();
    writeln!(stream, "{line}").unwrap();
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).unwrap();
    reply.trim_end().to_owned()
}

const CACHE: &str = "file:shop.larder?open_timeout=10s";

#[test]
fn what_was_set_is_there_after_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let (dir, socket) = (place.path(), place.path().join("s"));
    let listen = &[CACHE, "--listen", "unix:s"];
    let service = Service::start(dir, listen, &[]);
    assert_eq!(ask(&socket, "set greeting hello"), "+OK");
    assert_eq!(service.stop(), Some(0));
    assert!(!socket.exists());
    let service = Service::start(dir, listen, &[]);
    assert_eq!(ask(&socket, "get greeting"), "$5");
    assert_eq!(ask(&socket, "del greeting"), ":1");
    drop(service);
    let _service = Service::start(dir, listen, &[]);
    assert_eq!(ask(&socket, "get greeting"), "$-1", "a removal that was answered outlives a kill");
}

#[test]
fn the_options_reach_the_server() {
    let place = tempfile::tempdir().unwrap();
    let (dir, socket) = (place.path(), place.path().join("s"));
    std::fs::write(dir.join("password"), "open sesame\n").unwrap();
    let options =
        ["memory:", "--listen", "unix:s", "--password-file", "password", "--read-only", "--databases", "2"];
    let service = Service::start(dir, &options, &[]);
    assert!(ask(&socket, "ping").starts_with("-NOAUTH"));
    assert_eq!(ask(&socket, "auth 'open sesame'"), "+OK");
    drop(service);
    let service = Service::start(dir, &options[..3], &[("LARDER_PASSWORD", Path::new("x"))]);
    assert!(ask(&socket, "ping").starts_with("-NOAUTH"));
    drop(service);
}

#[test]
fn a_service_manager_hears_when_the_server_is_ready_and_when_it_stops() {
    let place = tempfile::tempdir().unwrap();
    let manager = UnixDatagram::bind(place.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(patience())).unwrap();
    let hear = || {
        let mut message = [0; 64];
        let len = manager.recv(&mut message).unwrap();
        String::from_utf8(message[..len].to_vec()).unwrap()
    };
    let notify = place.path().join("notify");
    let service =
        Service::start(place.path(), &["memory:", "--listen", "unix:s"], &[("NOTIFY_SOCKET", &notify)]);
    assert_eq!(hear(), "READY=1");
    assert_eq!(service.stop(), Some(0));
    assert_eq!(hear(), "STOPPING=1");
}

/// systemd passes sockets from descriptor 3 on. `LISTEN_PID` must be the server's own process number, so a
/// shell sets it and becomes the server.
#[test]
fn a_socket_that_a_service_manager_passes_is_served_and_outlives_the_server() {
    const ACTIVATE: &str = r#"exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@""#;
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let start = || {
        let server = command(place.path(), &["serve", CACHE]);
        let mut shell = Command::new("sh");
        shell.args(["-c", ACTIVATE, "sh"]).arg(server.get_program()).args(server.get_args());
        shell.current_dir(place.path()).stdin(OwnedFd::from(listener.try_clone().unwrap()));
        Service::of(shell)
    };
    // A client may connect before the server runs.
    let mut early = UnixStream::connect(&socket).unwrap();
    let service = start();
    early.write_all(b"set greeting hello\r\nquit\r\n").unwrap();
    let mut reply = String::new();
    early.read_to_string(&mut reply).unwrap();
    assert_eq!(reply, "+OK\r\n+OK\r\n");
    assert_eq!(service.stop(), Some(0));
    assert!(socket.exists(), "the socket belongs to the service manager");
    let service = start();
    assert_eq!(ask(&socket, "get greeting"), "$5");
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_wrong_setting_says_what_would_be_right() {
    let place = tempfile::tempdir().unwrap();
    for (arguments, code, text) in [
        (&["memory:"][..], 2, "where to listen? Give --listen unix:PATH"),
        (&["--listen", "unix:s"], 2, "which cache? Give its URL"),
        (&["memory:", "--listen", "6379"], 2, "give unix:PATH or HOST:PORT"),
        (&["memory:", "--listen", "0.0.0.0:0"], 2, "not encrypted"),
        (&["memory:", "--listen", "unix:missing/s"], 4, "create the directory"),
        (&["memory:", "--listen", "unix:s", "--removal", "16:buffered"], 2, "the databases are 0 to 15"),
        (&["memory:", "--listen", "unix:s", "--socket-group", "no such group"], 2, "/etc/group"),
        (&["memory:", "--listen", "unix:s", "--password-file", "none"], 8, "cannot read the password"),
        (&["memory:?nope=1", "--listen", "unix:s"], 2, "nope"),
    ] {
        let output = larder(place.path(), &[&["serve"], arguments].concat());
        let printed = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {printed}");
        assert!(printed.contains(text), "{arguments:?}: {printed}");
    }
}

#[test]
fn a_second_server_does_not_take_the_first_ones_socket() {
    let place = tempfile::tempdir().unwrap();
    let service = Service::start(place.path(), &["memory:", "--listen", "unix:s"], &[]);
    let output = larder(place.path(), &["serve", "memory:", "--listen", "unix:s"]);
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let mut reply = String::new();
    let mut stream = UnixStream::connect(place.path().join("s")).unwrap();
    stream.write_all(b"ping\r\nquit\r\n").unwrap();
    stream.read_to_string(&mut reply).unwrap();
    assert_eq!(reply, "+PONG\r\n+OK\r\n");
    assert_eq!(service.stop(), Some(0));
}

/// Selects a database, and sends a line on the same connection. Returns the replies, without the `+OK` of
/// the selection.
fn ask_in(socket: &Path, database: &str, line: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(patience())).unwrap();
    write!(stream, "select {database}\r\n{line}\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).unwrap();
    replies.strip_prefix("+OK\r\n").unwrap_or(&replies).to_owned()
}

#[test]
fn an_application_s_keyspace_is_shown_under_the_schema_s_keys_and_removals_reach_the_file() {
    const PRODUCT: KeyspaceDefinition<String, (String, u64)> =
        KeyspaceDefinition::new("product").schema(larder_product::SCHEMA);
    let place = tempfile::tempdir().unwrap();
    let (dir, socket) = (place.path(), place.path().join("s"));
    let open = || Cache::builder().path(dir.join("shop.larder")).open().unwrap();
    let cache = open();
    let products = cache.keyspace(PRODUCT).unwrap();
    products.insert("MTNVTU", ("airtime".to_owned(), 100)).unwrap();
    products.insert("GLO", ("data".to_owned(), 7)).unwrap();
    drop(products);
    cache.close().unwrap();
    let options = [CACHE, "--listen", "unix:s", "--keyspace", "product", "--keyspace", "prodct"];
    let mut service = Service::start(dir, &options, &[]);
    let told = service.hear("database 16 ").unwrap();
    assert!(told.contains("keyspace product: string keys, bincode"), "{told}");
    let told = service.hear("database 17 ").unwrap();
    assert!(told.contains("SELECT 17 fails now") && told.contains("no keyspace \"prodct\""), "{told}");
    assert_eq!(ask_in(&socket, "16", "keys *"), "*2\r\n$11\r\nproduct_GLO\r\n$14\r\nproduct_MTNVTU\r\n");
    assert_eq!(ask_in(&socket, "16", "get product_MTNVTU"), "$9\r\n\u{7}airtimed\r\n");
    assert_eq!(ask_in(&socket, "16", "get MTNVTU"), "$9\r\n\u{7}airtimed\r\n", "the literal key");
    assert!(ask_in(&socket, "16", "set product_MTNVTU x").contains("-ERR keyspace \"product\""));
    assert!(ask_in(&socket, "17", "get x").starts_with("-ERR the cache has no keyspace \"prodct\""));
    assert_eq!(ask_in(&socket, "16", "del product_MTNVTU product_none"), ":1\r\n");
    drop(service);
    // The server was killed after its reply.
    let products = open().keyspace(PRODUCT).unwrap();
    assert!(products.get("MTNVTU").is_none());
    assert_eq!(products.get("GLO").unwrap().1, 7);
}
