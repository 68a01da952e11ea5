//! Parses the command line.
//!
//! The cache may be omitted if `LARDER_URL` is set. But if a KEY follows the cache, clap must see the cache
//! as required. Otherwise clap would read FILE as the key in `larder get FILE --json KEY`, because it assigns
//! the words before an option first. So if a word is missing, the line is parsed again with [`NOT_GIVEN`] as
//! the cache.

use std::ffi::OsString;

use clap::Parser;
use clap::error::{Error, ErrorKind};

use super::Arguments;
use super::cache::NOT_GIVEN;

impl Arguments {
    /// Parses the words of a command line. The first word is the name of the program.
    ///
    /// # Errors
    /// Returns the error of clap. The texts of `--help` and `--version` are returned as errors too.
    pub(crate) fn read<W: Into<OsString>>(words: impl IntoIterator<Item = W>) -> Result<Self, Error> {
        let mut words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        let error = match Self::try_parse_from(&words) {
            Err(error) if error.kind() == ErrorKind::MissingRequiredArgument && words.len() > 2 => error,
            read => return read,
        };
        // Index 2 is the place after the name of the program and the name of the command.
        words.insert(2, NOT_GIVEN.into());
        Self::try_parse_from(&words).map_err(|_| error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Command;

    fn words(line: &str) -> Result<(String, String), ErrorKind> {
        let read = Arguments::read(line.split(' ')).map_err(|error| error.kind())?;
        let (cache, key) = match read.command {
            Command::Get(options) => (options.key.cache.file, options.key.key),
            Command::Ttl(options) | Command::Why(options) => (options.cache.file, options.key),
            Command::Remove(options) => (options.target.file, options.key),
            Command::RemovePrefix(options) => (options.target.file, options.prefix),
            Command::Import(options) => (options.cache.file, options.export.display().to_string()),
            other => panic!("{other:?} has no key"),
        };
        Ok((cache.display().to_string().replace(NOT_GIVEN, "left out"), key))
    }

    #[test]
    fn the_cache_and_the_key_are_found_wherever_the_options_stand() {
        for command in ["get", "ttl", "why", "remove", "remove-prefix", "import"] {
            let option = if command == "import" { "" } else { "--keyspace product " };
            for given in [
                format!("larder {command} F {option}--json K"),
                format!("larder {command} --json F {option}K"),
                format!("larder {command} {option}F K --json"),
            ] {
                assert_eq!(words(&given), Ok(("F".into(), "K".into())), "{given}");
            }
            for left_out in [
                format!("larder {command} K"),
                format!("larder {command} {option}K --json"),
                format!("larder {command} --json {option}-- K"),
            ] {
                assert_eq!(words(&left_out), Ok(("left out".into(), "K".into())), "{left_out}");
            }
            let nothing = format!("larder {command}");
            assert_eq!(words(&nothing), Err(ErrorKind::MissingRequiredArgument));
            assert!(words(&format!("{nothing} --nope K")).is_err());
            assert!(words(&format!("{nothing} F K L")).is_err());
        }
        assert_eq!(words("larder get -- -7"), Ok(("left out".into(), "-7".into())));
        assert_eq!(words("larder get F -7"), Ok(("F".into(), "-7".into())));
        assert_eq!(words("larder remove --socket S K"), Ok(("left out".into(), "K".into())));
    }
}
