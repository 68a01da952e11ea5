//! Determines whether a command uses a Redis or Valkey server, from the URL in its arguments or in
//! `LARDER_URL`.

use larder::URL_VARIABLE;
use larder::inspect::escape_control;
use larder_redis::Error;
use larder_redis::inspect::ServerInspector;
use larder_redis::is_server_url;

use super::located::{Access, environment, is_cache, words};
use crate::args::Command;
use crate::term::exit::{Exit, Failure};
use crate::term::out::note;

#[derive(Debug)]
pub(crate) struct ServerUrl {
    url: String,
    is_of_environment: bool,
}

impl ServerUrl {
    /// Returns the server of a command, or `None` if the command uses a file or a process.
    pub(crate) fn of(command: &mut Command) -> Result<Option<Self>, Failure> {
        let given = match command {
            Command::Check { url } => url.clone(),
            Command::Doctor(options) => options.target.clone(),
            Command::Serve(options) => options.url.clone(),
            Command::Completions { .. } | Command::Man => return Ok(None),
            _ => return Self::of_words(command),
        };
        Self::of_text(given, None)
    }

    fn of_words(command: &mut Command) -> Result<Option<Self>, Failure> {
        let Some(words) = words(command) else { return Ok(None) };
        let is_socket = matches!(&words.access, Access::Change(Some(_)));
        let given = words.cache.is_given().then(|| words.cache.to_string_lossy().into_owned());
        if given.is_none() && is_socket {
            return Ok(None);
        }
        let found = Self::of_text(given, words.key)?;
        let is_refused = found.as_ref().is_some_and(|found| found.is_of_environment) && words.needs_cache;
        if is_refused {
            let text = format!(
                "this would remove every entry of the cache of {URL_VARIABLE}; give its URL, if that is what \
                 you mean, or --keyspace"
            );
            return Err(Failure::new(Exit::Usage, text));
        }
        Ok(found)
    }

    fn of_text(given: Option<String>, key: Option<(&str, &str)>) -> Result<Option<Self>, Failure> {
        let is_of_environment = given.is_none();
        // A variable that can't be read is reported by the command.
        let url = given.or_else(|| environment().unwrap_or_default());
        let Some(url) = url.filter(|url| is_server_url(url)) else { return Ok(None) };
        if let Some((key, form)) = key
            && is_of_environment
            && is_cache(key)
        {
            let text = format!("the only word is a cache, and one more word is needed: {form}");
            return Err(Failure::new(Exit::Usage, text));
        }
        Ok(Some(Self { url, is_of_environment }))
    }

    /// Connects to the server. Says on standard error which server `LARDER_URL` has chosen.
    pub(crate) fn connect(&self, json: bool) -> Result<ServerInspector, Failure> {
        let inspector = ServerInspector::open(&self.url)?;
        if self.is_of_environment {
            note(json, &format!("the cache is {}, of {URL_VARIABLE}", name(&inspector)));
        }
        Ok(inspector)
    }

    /// Returns the failure of a command that is not available for a server.
    pub(crate) fn refuse(&self, why: &str) -> Failure {
        let of = if self.is_of_environment { format!("{URL_VARIABLE} names") } else { "this is".to_owned() };
        Failure::new(Exit::Usage, format!("{of} a cache at a server: {why}"))
    }
}

/// Returns the name of a cache at a server, without a password.
pub(crate) fn name(inspector: &ServerInspector) -> String {
    let (server, database) = (inspector.server(), inspector.database());
    format!("{server}, database {database}, prefix {}", inspector.prefix())
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error {
            Error::InvalidUrl { .. } | Error::InvalidSetting { .. } => Exit::Usage,
            _ => Exit::System,
        };
        Self::new(exit, escape_control(&error.to_string()))
    }
}
