//! Finds the cache that a command uses: the given cache, or the cache of `LARDER_URL`.
//!
//! The rules, in this order:
//!
//! 1. The argument is the path of a file or a control socket, or the URL with which a service is started
//!    (`file:…`, `memory:…`). For a file whose name begins like a URL, write `./file:…`.
//! 2. Without an argument, the command uses the URL in the environment variable `LARDER_URL`, and names the
//!    cache on standard error. If a command has two arguments, such as `larder get FILE KEY`, a single word
//!    is the second argument.
//! 3. A URL may name a file, a control socket, or both. A URL that names neither is refused. `stats`, `top`,
//!    `hot`, `slow`, `monitor` and `flush` use the socket if a process answers there. If a process answers
//!    there, `remove`, `remove-prefix` and `clear` use both the file and the socket. All other commands, and
//!    commands with `--file-only`, use the file. If the URL names no file, the command uses the socket.
//!
//! `check`, `doctor` and `serve` read the URL themselves.
//!
//! If the single word would be a key or a prefix but names a cache, as in `larder remove shop.larder`, it is
//! refused. Otherwise the command would look for the key `shop.larder` in the cache of `LARDER_URL`.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use larder::control::{Client, ClientError};
use larder::inspect::Inspector;
use larder::{CacheBuilder, URL_VARIABLE};

use super::owner::connect_for_file;
use super::path::is_socket;
use crate::args::{CacheArgument, Command, TargetOptions};
use crate::term::exit::{Exit, Failure, report};
use crate::term::out::note;

/// The schemes of URLs that name no server. [`super::server`] finds the commands on a server first.
const SCHEMES: [&str; 2] = ["file:", "memory:"];

/// Returns whether a text is a URL rather than a path.
pub(crate) fn is_url(text: &OsStr) -> bool {
    let bytes = text.as_encoded_bytes().trim_ascii_start();
    SCHEMES.iter().any(|scheme| bytes.starts_with(scheme.as_bytes()))
        || text.to_str().is_some_and(larder_redis::is_server_url)
}

/// Returns the URL in the environment variable, if it is set and not blank.
pub(crate) fn environment() -> Result<Option<String>, Failure> {
    let Some(url) = env::var_os(URL_VARIABLE) else { return Ok(None) };
    let url = url.into_string().map_err(|_| {
        let text = format!("{URL_VARIABLE} is not UTF-8; write bytes beyond ASCII as %XX");
        Failure::new(Exit::Usage, text)
    })?;
    Ok(Some(url).filter(|url| !url.trim_ascii().is_empty()))
}

/// The file and the control socket that a URL names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CacheLocation {
    pub(crate) file: Option<PathBuf>,
    pub(crate) socket: Option<PathBuf>,
}

impl CacheLocation {
    pub(crate) fn of_url(url: &str) -> Result<Self, Failure> {
        let settings = CacheBuilder::from_url(url).and_then(|builder| builder.settings());
        let settings = settings.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        Ok(Self { file: settings.path, socket: settings.control_socket })
    }

    /// Returns the socket if a process answers there, unless this process owns another file than the URL
    /// names.
    ///
    /// After a crash, the socket remains although no process serves it. A URL may also name the socket of
    /// another service by mistake.
    fn live_socket(&self, json: bool) -> Option<&Path> {
        let socket = self.socket.as_deref()?;
        let file = self.file.as_ref().and_then(|file| Inspector::open(file).ok()?.snapshot().ok());
        let client = match file {
            Some(file) => connect_for_file(socket, &file.file()),
            None => Client::connect(socket),
        };
        match client {
            Err(ClientError::Connect { .. }) => None,
            Err(error @ ClientError::NotOwner { .. }) => {
                note(json, &error.to_string());
                None
            }
            // Other errors are reported by the command itself.
            Ok(_) | Err(_) => Some(socket),
        }
    }
}

/// How a command uses a cache.
pub(super) enum Access<'a> {
    /// Reads or changes the file.
    File,
    /// Asks the process at the socket. If no process answers, uses the file.
    Process,
    /// Changes the cache through the process if it answers at the socket, otherwise in the file. Holds the
    /// value of `--socket`.
    Change(&'a mut Option<PathBuf>),
}

/// The words of a command that decide which cache it uses.
pub(super) struct CacheWords<'a> {
    pub(super) cache: &'a mut CacheArgument,
    json: bool,
    pub(super) access: Access<'a>,
    /// The word after the cache, and a usage line that shows both.
    pub(super) key: Option<(&'a str, &'static str)>,
    /// Whether the cache must be given, and `LARDER_URL` is not used, because the command removes all
    /// entries.
    pub(super) needs_cache: bool,
}

/// Replaces the cache argument of a command with the path of a file or a socket.
///
/// # Errors
/// If no cache can be chosen, for example because a path is empty or a URL is invalid, prints the failure and
/// returns its exit code.
pub(crate) fn locate(command: &mut Command) -> Result<(), ExitCode> {
    if let Some(json) = names_an_empty_path(command) {
        return Err(report(json, Err(empty())));
    }
    let Some(words) = words(command) else { return Ok(()) };
    let json = words.json;
    replace(words).map_err(|failure| report(json, Err(failure)))
}

/// Returns the failure for a command with an empty path.
pub(crate) fn empty() -> Failure {
    Failure::new(Exit::Usage, "the argument is empty; is a shell variable unset?")
}

/// Returns whether clap refused a path because it was empty.
pub(crate) fn is_of_an_empty_path(error: &clap::Error) -> bool {
    let value = error.get(ContextKind::InvalidValue);
    error.kind() == ErrorKind::InvalidValue
        && matches!(value, Some(ContextValue::String(value)) if value.is_empty())
}

/// Returns `None` unless the cache, or the only word of the command, is empty. Otherwise returns whether the
/// command prints JSON.
///
/// `larder info "$FILE"` has an empty word if FILE is not set. clap itself refuses other empty paths. A key
/// may be empty, unless it is the only word.
fn names_an_empty_path(command: &mut Command) -> Option<bool> {
    match &*command {
        Command::Check { url } => return url.as_ref().filter(|url| url.is_empty()).map(|_| false),
        Command::Doctor(options) => {
            return options.target.as_ref().filter(|target| target.is_empty()).map(|_| options.json);
        }
        _ => {}
    }
    let words = words(command)?;
    let is_key = !words.cache.is_given() && words.key.is_some_and(|(key, _)| key.is_empty());
    (is_key || words.cache.as_os_str().is_empty()).then_some(words.json)
}

fn replace(mut words: CacheWords<'_>) -> Result<(), Failure> {
    if let (false, Access::Change(socket)) = (words.cache.is_given(), &mut words.access)
        && let Some(socket) = socket.take()
    {
        // `--socket` alone names the cache, because the file of `LARDER_URL` may belong to another process.
        words.cache.set(socket);
        return Ok(());
    }
    let (url, is_of_environment) = if !words.cache.is_given() {
        (from_environment(&words)?, true)
    } else if is_url(words.cache.as_os_str()) {
        let url = words.cache.to_str().map(str::to_owned);
        let text = "the URL is not UTF-8; write bytes beyond ASCII as %XX";
        (url.ok_or_else(|| Failure::new(Exit::Usage, text))?, false)
    } else {
        return Ok(());
    };
    let location = CacheLocation::of_url(&url)?;
    let mut live = None;
    let chosen = match words.access {
        Access::File => location.file.as_deref(),
        Access::Process => location.live_socket(words.json).or(location.file.as_deref()),
        Access::Change(socket) => {
            if let (Some(found), Some(_), None) = (location.live_socket(words.json), &location.file, &socket)
            {
                live = Some(found.to_owned());
                socket.clone_from(&live);
            }
            location.file.as_deref()
        }
    };
    let chosen = chosen.or(location.socket.as_deref()).ok_or_else(|| {
        let text = "the cache is in the memory of its process alone; have it serve a control socket, with \
                    control=PATH in its URL";
        Failure::new(Exit::Usage, text)
    })?;
    if is_of_environment {
        name_chosen(chosen, live.as_deref(), words.json);
    }
    words.cache.set(chosen.to_owned());
    Ok(())
}

fn from_environment(words: &CacheWords<'_>) -> Result<String, Failure> {
    let usage = |text: String| Err(Failure::new(Exit::Usage, text));
    if let Some((key, form)) = words.key
        && is_cache(key)
    {
        return usage(format!("{key} is a cache, and one more word is needed: {form}"));
    }
    let form = words.key.map_or(String::new(), |(_, form)| format!(": {form}"));
    let Some(url) = environment()? else {
        let text = format!(
            "which cache? Give it{form}, or set {URL_VARIABLE}, as in {URL_VARIABLE}=file:/var/lib/shop/shop.larder"
        );
        return usage(text);
    };
    if words.needs_cache {
        let named = CacheLocation::of_url(&url)?;
        let path = named.file.or(named.socket).unwrap_or_default();
        return usage(format!(
            "this would remove every entry of the cache of {URL_VARIABLE}; give it, if that is what you mean ({}), or --keyspace",
            path.display()
        ));
    }
    Ok(url)
}

/// Returns whether a word is a URL, or names a socket or a cache file, even a damaged one.
pub(super) fn is_cache(word: &str) -> bool {
    let path = Path::new(word);
    is_url(word.as_ref())
        || is_socket(path)
        || (path.is_file()
            && !matches!(
                Inspector::open(path),
                Err(larder::Error::Foreign { .. }
                    | larder::Error::Permission { .. }
                    | larder::Error::NotAFile { .. })
            ))
}

/// Prints on standard error which cache the environment variable names.
///
/// The path is printed as an absolute path, because a relative path means another file in the working
/// directory of the service.
fn name_chosen(chosen: &Path, socket: Option<&Path>, json: bool) {
    let shown = std::path::absolute(chosen).unwrap_or_else(|_| chosen.to_owned());
    let through = socket.map_or(String::new(), |socket| format!(" through {}", socket.display()));
    let text = format!("the cache is {}{through}, of {URL_VARIABLE}", shown.display());
    note(json, &text);
}

/// Returns the access of a command that reads. With `--file-only`, the command reads the file even if the
/// process that owns it serves a control socket.
fn reads<'a>(file_only: bool) -> Access<'a> {
    if file_only { Access::File } else { Access::Process }
}

/// Returns the words and the access of a command that changes a cache.
fn changes(target: &mut TargetOptions) -> (&mut CacheArgument, bool, Access<'_>) {
    let access = if target.file_only { Access::File } else { Access::Change(&mut target.socket) };
    (&mut target.file, target.json, access)
}

pub(super) fn words(command: &mut Command) -> Option<CacheWords<'_>> {
    let words = |cache, json, access| CacheWords { cache, json, access, key: None, needs_cache: false };
    Some(match command {
        Command::Info(options) | Command::Verify(options) | Command::Compact(options) => {
            words(&mut options.file, options.json, Access::File)
        }
        Command::Keys(options) => words(&mut options.cache.file, options.cache.json, Access::File),
        Command::Export(options) => words(&mut options.cache.file, options.cache.json, Access::File),
        Command::Get(options) => {
            let key = Some((&*options.key.key, "larder get FILE KEY"));
            CacheWords { key, ..words(&mut options.key.cache.file, options.key.cache.json, Access::File) }
        }
        Command::Ttl(options) => {
            let key = Some((&*options.key, "larder ttl FILE KEY"));
            CacheWords { key, ..words(&mut options.cache.file, options.cache.json, Access::File) }
        }
        Command::Why(options) => {
            let key = Some((&*options.key, "larder why FILE KEY"));
            CacheWords { key, ..words(&mut options.cache.file, options.cache.json, Access::File) }
        }
        // A single word is the export, so it is not checked for being the name of a cache.
        Command::Import(options) => words(&mut options.cache.file, options.cache.json, Access::File),
        Command::Stats(options) => words(&mut options.target, options.json, reads(options.file_only)),
        Command::Top(options) => words(&mut options.target, false, reads(options.file_only)),
        Command::Hot(options) | Command::Slow(options) => {
            words(&mut options.socket, options.json, Access::Process)
        }
        Command::Monitor(options) => words(&mut options.socket, options.json, Access::Process),
        Command::Flush(options) => words(&mut options.socket, options.json, Access::Process),
        Command::Remove(options) => {
            let key = Some((&*options.key, "larder remove FILE|SOCKET KEY"));
            let (cache, json, access) = changes(&mut options.target);
            CacheWords { key, ..words(cache, json, access) }
        }
        Command::RemovePrefix(options) => {
            let key = Some((&*options.prefix, "larder remove-prefix FILE|SOCKET PREFIX"));
            let (cache, json, access) = changes(&mut options.target);
            CacheWords { key, ..words(cache, json, access) }
        }
        Command::Clear(options) => {
            let needs_cache = options.keyspace.is_none() && !options.dry_run;
            let (cache, json, access) = changes(&mut options.target);
            CacheWords { needs_cache, ..words(cache, json, access) }
        }
        Command::Check { .. }
        | Command::Doctor(_)
        | Command::Serve(_)
        | Command::Completions { .. }
        | Command::Man => return None,
    })
}
