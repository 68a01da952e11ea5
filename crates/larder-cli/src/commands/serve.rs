//! `larder serve`: owns a cache, and serves it to other processes through the Redis protocol.
//!
//! 1. Install the signal handlers, so that a signal does not end the process between the next steps.
//! 2. Open the cache, then the sockets, so that a client that finds a socket also finds a server.
//! 3. Tell systemd that the service is ready, and wait for SIGTERM or SIGINT.
//! 4. Answer the requests that have arrived, close the sockets, then close the cache, so that every answered
//!    change is on disk. A second signal ends the process immediately.

use std::io::Read;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use larder::inspect::{escape_control, format_name};
use larder::{Cache, URL_VARIABLE};
use larder_serve::{RemovalMode, Server, ServerBuilder, WriteMode};
use listenfd::ListenFd;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::args::ServeOptions;
use crate::cache::located;
use crate::cache::spelling::SPELLINGS;
use crate::cache::url::{file_url, has_scheme};
use crate::term::exit::{Exit, Failure};
use crate::term::interrupt::Interrupt;
use crate::term::out::note;

/// The environment variable that may hold the password.
const PASSWORD_VARIABLE: &str = "LARDER_PASSWORD";

const MAX_PASSWORD_FILE: u64 = 4096;

pub(crate) fn run(options: &ServeOptions) -> Result<Exit, Failure> {
    let url = url(options.url.as_deref())?;
    // 1.
    let _second_signal_ends = Interrupt::listen()?;
    let mut signalled = signals()?;
    // 2.
    let cache = Cache::open_url(&url)?;
    let server = builder(&cache, options)?.start().map_err(|error| failure(&error))?;
    for address in server.addresses() {
        note(false, &format!("serving at {address}"));
    }
    for (number, name) in (options.databases..).zip(&options.keyspace) {
        note(false, &shown_keyspace(&cache, number, name));
    }
    if let Some(address) = server.http_address() {
        note(false, &format!("http://{address}/health and /metrics"));
    }
    // 3.
    notify("READY=1");
    let waited = signalled.read_exact(&mut [0]);
    notify("STOPPING=1");
    // 4.
    server.shutdown();
    cache.close()?;
    waited.map_err(|error| Failure::new(Exit::System, format!("cannot wait for a signal: {error}")))?;
    Ok(Exit::Ok)
}

/// Returns the note about a database that shows a keyspace. A missing keyspace does not prevent the start,
/// because the other databases work without it, for example after an empty file has replaced the damaged
/// one.
fn shown_keyspace(cache: &Cache, number: u16, name: &str) -> String {
    let database = format!("database {number} is keyspace {}", escape_control(name));
    match cache.untyped_keyspace(name).info() {
        Ok(info) => format!("{database}: {} keys, {}", info.key_shape, format_name(info.value_format)),
        Err(error) => format!("{database}, and SELECT {number} fails now: {error}"),
    }
}

/// Returns the URL of the cache: the given URL, the given path as a URL, or the URL in the environment
/// variable.
fn url(given: Option<&str>) -> Result<String, Failure> {
    match given {
        Some("") => Err(located::empty()),
        Some(given) if has_scheme(given) => Ok(given.to_owned()),
        Some(path) => Ok(file_url(path)),
        None => located::environment()?.ok_or_else(|| {
            let text = format!(
                "which cache? Give its URL, as in larder serve 'file:/var/lib/shop/shop.larder?memory=64MiB&disk=1GiB' \
                 --listen unix:run/shop.sock, or set {URL_VARIABLE}"
            );
            Failure::new(Exit::Usage, text)
        }),
    }
}

fn builder(cache: &Cache, options: &ServeOptions) -> Result<ServerBuilder, Failure> {
    let mut builder = Server::builder(cache)
        .socket_mode(options.socket_mode)
        .allow_remote(options.allow_remote)
        .read_only(options.read_only)
        .databases(options.databases.into())
        .buffer_memory(options.buffer_memory)
        .max_connections(usize::try_from(options.max_connections).unwrap_or(usize::MAX))
        .idle_timeout(options.idle_timeout.map(Duration::from_secs));
    for address in &options.listen {
        builder = builder.listen(address);
    }
    for keyspace in &options.keyspace {
        builder = builder.keyspace(keyspace);
    }
    builder = SPELLINGS.iter().fold(builder, |builder, spelling| builder.key_spelling(*spelling));
    if let Some(address) = &options.http {
        builder = builder.http(address);
    }
    if let Some(group) = &options.socket_group {
        builder = builder.socket_group(group_number(group)?);
    }
    if let Some(password) = password(options)? {
        builder = builder.password(&password);
    }
    if let Some(threads) = options.threads {
        builder = builder.threads(threads.into());
    }
    for removal in &options.removal {
        let mode = if removal.is_durable { RemovalMode::Durable } else { RemovalMode::Buffered };
        builder = match removal.database {
            Some(database) => builder.removals_of(database, mode),
            None => builder.removals(mode),
        };
    }
    for write in &options.write {
        let mode = if write.is_durable { WriteMode::Durable } else { WriteMode::Buffered };
        builder = match write.database {
            Some(database) => builder.writes_of(database, mode),
            None => builder.writes(mode),
        };
    }
    passed_sockets(builder, options.listen.is_empty())
}

/// Adds the sockets that systemd has passed to this process.
fn passed_sockets(mut builder: ServerBuilder, is_needed: bool) -> Result<ServerBuilder, Failure> {
    let mut passed = ListenFd::from_env();
    for index in 0..passed.len() {
        if let Ok(Some(listener)) = passed.take_unix_listener(index) {
            builder = builder.unix_listener(listener);
        } else if let Ok(Some(listener)) = passed.take_tcp_listener(index) {
            builder = builder.tcp_listener(listener);
        } else {
            let text = format!("the passed socket {index} does not listen, or is of another kind");
            return Err(Failure::new(Exit::Usage, text));
        }
    }
    if passed.len() == 0 && is_needed {
        let text = "where to listen? Give --listen unix:PATH, or --listen 127.0.0.1:6379";
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(builder)
}

fn password(options: &ServeOptions) -> Result<Option<String>, Failure> {
    let Some(path) = &options.password_file else {
        let Some(password) = env::var_os(PASSWORD_VARIABLE) else { return Ok(None) };
        let password = password.into_string();
        return password.map(Some).map_err(|_| {
            Failure::new(Exit::Usage, format!("{PASSWORD_VARIABLE} is not UTF-8; choose another password"))
        });
    };
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(MAX_PASSWORD_FILE).read_to_string(&mut text));
    read.map_err(|error| {
        Failure::new(Exit::System, format!("cannot read the password in {}: {error}", path.display()))
    })?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        let text = format!("the first line of {} is empty; write the password there", path.display());
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(Some(line.to_owned()))
}

/// Returns the id of a group, given its name or its id.
fn group_number(group: &str) -> Result<u32, Failure> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let groups = fs::read_to_string(Path::new("/etc/group")).unwrap_or_default();
    let found = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(group)).then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    found.ok_or_else(|| {
        let text = format!("/etc/group has no group {group:?}; give a group of it, or the number of a group");
        Failure::new(Exit::Usage, text)
    })
}

/// Returns a stream that receives one byte for each SIGTERM or SIGINT.
fn signals() -> Result<UnixStream, Failure> {
    let listen = || {
        let (signalled, sender) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM] {
            signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
        }
        Ok(signalled)
    };
    listen().map_err(|error: std::io::Error| {
        Failure::new(Exit::System, format!("cannot listen for signals: {error}"))
    })
}

/// Notifies systemd of the state of the service, if systemd has asked for it (`NOTIFY_SOCKET`).
fn notify(state: &str) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else { return };
    let sent = UnixDatagram::unbound().and_then(|datagram| match socket.to_str().and_then(abstract_name) {
        Some(name) => {
            let address = SocketAddr::from_abstract_name(name)?;
            datagram.send_to_addr(state.as_bytes(), &address)
        }
        None => datagram.send_to(state.as_bytes(), Path::new(&socket)),
    });
    if let Err(error) = sent {
        note(false, &format!("systemd could not be told {state}: {error}"));
    }
}

/// Returns the name of an abstract socket, which has no file.
fn abstract_name(socket: &str) -> Option<&str> {
    socket.strip_prefix('@')
}

fn failure(error: &larder_serve::Error) -> Failure {
    let exit = match error {
        larder_serve::Error::InvalidSetting { .. } => Exit::Usage,
        larder_serve::Error::Listen { .. } => Exit::InUse,
        _ => Exit::System,
    };
    let source = std::error::Error::source(error).map(|source| format!(" ({source})"));
    // Control characters are escaped, because the text may repeat a path or an address from the user.
    let text = format!("{error}{}", source.unwrap_or_default());
    Failure::new(exit, escape_control(&text).into_owned())
}
