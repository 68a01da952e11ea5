//! Which cache a command is about: what was given, or else what `LARDER_URL` says.
//!
//! The rules, in this order:
//!
//! 1. What is given is a path, of a file or of a control socket; or a URL, as a service is started with
//!    (`file:…`, `memory:…`). A file of such a name is given as `./file:…`.
//! 2. What is not given is the URL in the environment variable `LARDER_URL`, and standard error says so. Of a
//!    command with two words behind its name, such as `larder get FILE KEY`, a single one is the last.
//! 3. A URL names a file, a control socket, or both. `stats`, `top`, `hot`, `slow`, `monitor` and `flush` take the
//!    socket while a process answers there. `remove`, `remove-prefix` and `clear` take both then. All others take
//!    the file.
//!
//! A single word that is itself a cache is refused as a KEY: `larder remove shop.larder` has no key, and must
//! not look for one in another cache.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use larder::control::{Client, ClientError};
use larder::inspect::Inspector;
use larder::{CacheBuilder, URL_VARIABLE};

use crate::args::{CacheArgument, Command, TargetOptions};
use crate::change::target::is_socket;
use crate::exit::{Exit, Failure, told};
use crate::live::{of_file, say};

/// What the name of a URL's scheme may be, whether or not larder takes it.
const SCHEMES: [&str; 5] = ["file:", "memory:", "redis:", "rediss:", "unix:"];

/// Whether a text is a URL, and no path.
pub(crate) fn is_url(text: &OsStr) -> bool {
    let text = text.as_encoded_bytes().trim_ascii_start();
    SCHEMES.iter().any(|scheme| text.starts_with(scheme.as_bytes()))
}

/// The URL of the environment, if it has one.
pub(crate) fn environment() -> Result<Option<String>, Failure> {
    let Some(url) = env::var_os(URL_VARIABLE) else { return Ok(None) };
    let url = url.into_string().map_err(|_| {
        let text = format!("{URL_VARIABLE} is not UTF-8; write bytes beyond ASCII as %XX");
        Failure::new(Exit::Usage, text)
    })?;
    Ok(Some(url).filter(|url| !url.trim_ascii().is_empty()))
}

/// Where a URL has its cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) file: Option<PathBuf>,
    pub(crate) socket: Option<PathBuf>,
}

impl Located {
    pub(crate) fn of_url(url: &str) -> Result<Self, Failure> {
        let settings = CacheBuilder::from_url(url).and_then(|builder| builder.settings());
        let settings = settings.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        Ok(Self { file: settings.path, socket: settings.control_socket })
    }

    /// The socket, while a process answers there that has no other file: a crash leaves one that nothing serves,
    /// and a URL may name that of another service.
    fn live_socket(&self, json: bool) -> Option<&Path> {
        let socket = self.socket.as_deref()?;
        let file = self.file.as_ref().and_then(|file| Inspector::open(file).ok()?.snapshot().ok());
        let answers = match file {
            Some(file) => of_file(socket, &file.file()),
            None => Client::connect(socket),
        };
        match answers {
            Err(ClientError::Connect { .. }) => None,
            Err(error @ ClientError::NotOwner { .. }) => {
                say(json, &error.to_string());
                None
            }
            // What else is wrong with it the command itself will say.
            Ok(_) | Err(_) => Some(socket),
        }
    }
}

/// What a command does with a cache.
enum Use<'a> {
    /// Reads or changes the file.
    File,
    /// Asks the process, and makes do with the file where it can.
    Process,
    /// Changes the file, by the process that has it if there is one.
    Change(&'a mut Option<PathBuf>),
}

/// A command's words, as far as they say which cache it is about.
struct Words<'a> {
    cache: &'a mut CacheArgument,
    json: bool,
    uses: Use<'a>,
    /// The word behind the cache, and what the command calls both.
    key: Option<(&'a str, &'static str)>,
    /// Whether it would do harm to a cache that was not meant.
    needs_cache: bool,
}

/// Puts the path of its file, or of its socket, in the place of what a command was given.
///
/// # Errors
/// The code to exit with, once it is said that no cache was given and `LARDER_URL` names none, or that a URL is
/// not understood.
pub(crate) fn locate(command: &mut Command) -> Result<(), ExitCode> {
    if let Some(json) = names_an_empty_path(command) {
        return Err(told(json, Err(empty())));
    }
    let Some(words) = words(command) else { return Ok(()) };
    let json = words.json;
    replace(words).map_err(|failure| told(json, Err(failure)))
}

/// The failure of a command with an empty path.
pub(crate) fn empty() -> Failure {
    Failure::new(Exit::Usage, "the argument is empty; is a shell variable unset?")
}

/// Whether clap has refused a path because it is empty.
pub(crate) fn is_of_an_empty_path(error: &clap::Error) -> bool {
    let value = error.get(ContextKind::InvalidValue);
    error.kind() == ErrorKind::InvalidValue
        && matches!(value, Some(ContextValue::String(value)) if value.is_empty())
}

/// Whether a cache is named by an empty word, as that of `larder info "$FILE"` is where FILE is not set; and if so,
/// whether the command answers in JSON. Other paths are refused by clap. A key may be empty, unless it is all that
/// was given.
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

fn replace(mut words: Words<'_>) -> Result<(), Failure> {
    if let (false, Use::Change(socket)) = (words.cache.is_given(), &mut words.uses)
        && let Some(socket) = socket.take()
    {
        // It is given, as a socket: the file of `LARDER_URL` may be that of another process.
        words.cache.set(socket);
        return Ok(());
    }
    let (url, is_told) = if !words.cache.is_given() {
        (from_environment(&words)?, true)
    } else if is_url(words.cache.as_os_str()) {
        let url = words.cache.to_str().map(str::to_owned);
        let text = "the URL is not UTF-8; write bytes beyond ASCII as %XX";
        (url.ok_or_else(|| Failure::new(Exit::Usage, text))?, false)
    } else {
        return Ok(());
    };
    let located = Located::of_url(&url)?;
    let mut live = None;
    let chosen = match words.uses {
        Use::File => located.file.as_deref(),
        Use::Process => located.live_socket(words.json).or(located.file.as_deref()),
        Use::Change(socket) => {
            if let (Some(found), Some(_), None) = (located.live_socket(words.json), &located.file, &socket) {
                live = Some(found.to_owned());
                socket.clone_from(&live);
            }
            located.file.as_deref()
        }
    };
    let chosen = chosen.or(located.socket.as_deref()).ok_or_else(|| {
        let text = "the cache is in the memory of its process alone; have it serve a control socket, with control=PATH in its URL";
        Failure::new(Exit::Usage, text)
    })?;
    if is_told {
        tell(chosen, live.as_deref(), words.json);
    }
    words.cache.set(chosen.to_owned());
    Ok(())
}

fn from_environment(words: &Words<'_>) -> Result<String, Failure> {
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
        let named = Located::of_url(&url)?;
        let path = named.file.or(named.socket).unwrap_or_default();
        return usage(format!(
            "this would remove every entry of the cache of {URL_VARIABLE}; give it, if that is what you mean ({}), or --keyspace",
            path.display()
        ));
    }
    Ok(url)
}

/// Whether a word names a cache that is there, or could be no key that was meant.
fn is_cache(word: &str) -> bool {
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

/// Says which cache the environment has chosen. A path is shown whole, since a relative one means another file
/// in the directory of the service.
fn tell(chosen: &Path, socket: Option<&Path>, json: bool) {
    let shown = std::path::absolute(chosen).unwrap_or_else(|_| chosen.to_owned());
    let through = socket.map_or(String::new(), |socket| format!(" through {}", socket.display()));
    let text = format!("the cache is {}{through}, of {URL_VARIABLE}", shown.display());
    say(json, &text);
}

/// What a command does that is told, or not, to leave the process alone.
fn asks<'a>(file_only: bool) -> Use<'a> {
    if file_only { Use::File } else { Use::Process }
}

/// The same of a command that changes a cache.
fn changes(target: &mut TargetOptions) -> (&mut CacheArgument, bool, Use<'_>) {
    let uses = if target.file_only { Use::File } else { Use::Change(&mut target.socket) };
    (&mut target.file, target.json, uses)
}

fn words(command: &mut Command) -> Option<Words<'_>> {
    let words = |cache, json, uses| Words { cache, json, uses, key: None, needs_cache: false };
    Some(match command {
        Command::Info(options) | Command::Verify(options) | Command::Compact(options) => {
            words(&mut options.file, options.json, Use::File)
        }
        Command::Keys(options) => words(&mut options.look.file, options.look.json, Use::File),
        Command::Export(options) => words(&mut options.look.file, options.look.json, Use::File),
        Command::Get(options) => {
            let key = Some((&*options.key.key, "larder get FILE KEY"));
            Words { key, ..words(&mut options.key.look.file, options.key.look.json, Use::File) }
        }
        Command::Ttl(options) => {
            let key = Some((&*options.key, "larder ttl FILE KEY"));
            Words { key, ..words(&mut options.look.file, options.look.json, Use::File) }
        }
        Command::Why(options) => {
            let key = Some((&*options.key, "larder why FILE KEY"));
            Words { key, ..words(&mut options.look.file, options.look.json, Use::File) }
        }
        // Its single word is a file that is no cache.
        Command::Import(options) => words(&mut options.look.file, options.look.json, Use::File),
        Command::Stats(options) => words(&mut options.target, options.json, asks(options.file_only)),
        Command::Top(options) => words(&mut options.target, false, asks(options.file_only)),
        Command::Hot(options) | Command::Slow(options) => {
            words(&mut options.socket, options.json, Use::Process)
        }
        Command::Monitor(options) => words(&mut options.socket, options.json, Use::Process),
        Command::Flush(options) => words(&mut options.socket, options.json, Use::Process),
        Command::Remove(options) => {
            let key = Some((&*options.key, "larder remove FILE|SOCKET KEY"));
            let (cache, json, uses) = changes(&mut options.target);
            Words { key, ..words(cache, json, uses) }
        }
        Command::RemovePrefix(options) => {
            let key = Some((&*options.prefix, "larder remove-prefix FILE|SOCKET PREFIX"));
            let (cache, json, uses) = changes(&mut options.target);
            Words { key, ..words(cache, json, uses) }
        }
        Command::Clear(options) => {
            let needs_cache = options.keyspace.is_none() && !options.dry_run;
            let (cache, json, uses) = changes(&mut options.target);
            Words { needs_cache, ..words(cache, json, uses) }
        }
        Command::Check { .. } | Command::Doctor(_) | Command::Completions { .. } | Command::Man => {
            return None;
        }
    })
}
