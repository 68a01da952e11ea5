//! `Debug` of errors. It prints the text of the error, then the name of the variant and the sources.
//!
//! A person sees `Debug` when `main` returns an error, when `unwrap` fails, and when a test fails. So `Debug`
//! prints the text of `Display`, with the remedy.

use std::fmt;

use super::Error;
use super::load_error::LoadError;

impl Error {
    const fn variant(&self) -> &'static str {
        match self {
            Self::InvalidSetting { .. } => "InvalidSetting",
            Self::InvalidUrl { .. } => "InvalidUrl",
            Self::InUse { .. } => "InUse",
            Self::NotAFile { .. } => "NotAFile",
            Self::Foreign { .. } => "Foreign",
            Self::Missing { .. } => "Missing",
            Self::Damaged { .. } => "Damaged",
            Self::NewerFormat { .. } => "NewerFormat",
            Self::UnknownFeatures { .. } => "UnknownFeatures",
            Self::Permission { .. } => "Permission",
            Self::Io { .. } => "Io",
            Self::ControlSocket { .. } => "ControlSocket",
            Self::Thread { .. } => "Thread",
            Self::KeyspaceConflict { .. } => "KeyspaceConflict",
            Self::KeyTooLarge { .. } => "KeyTooLarge",
            Self::ValueTooLarge { .. } => "ValueTooLarge",
            Self::GroupTooLarge { .. } => "GroupTooLarge",
            Self::Encode { .. } => "Encode",
            Self::Overflow { .. } => "Overflow",
            Self::Reentrant => "Reentrant",
            Self::Changed => "Changed",
            Self::NotDurable { .. } => "NotDurable",
            Self::Verify { .. } => "Verify",
            Self::Remote { .. } => "Remote",
            Self::UnknownKeyspace { .. } => "UnknownKeyspace",
            Self::KeyspaceReplaced { .. } => "KeyspaceReplaced",
            Self::NeedsTypes { .. } => "NeedsTypes",
            Self::NotRemote { .. } => "NotRemote",
            Self::Closed => "Closed",
            Self::Forked => "Forked",
            Self::NotForked => "NotForked",
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        with_sources(f, self, self.variant())
    }
}

/// Implemented for every `E` with `Debug`, whether or not `E` has `Display`.
impl<E: fmt::Debug> fmt::Debug for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = match self {
            Self::Loader(error) => return write!(f, "the loader failed: {error:?} (Loader)"),
            Self::Key(error) => return with_sources(f, error, "Key"),
            Self::Panicked => "Panicked",
            Self::Cycle => "Cycle",
            Self::Timeout { .. } => "Timeout",
            Self::NothingUnchanged => "NothingUnchanged",
        };
        self.without_loader(f)?;
        write!(f, " ({variant})")
    }
}

/// Writes an error as `text (Variant: source: source of the source)`.
pub(crate) fn with_sources(
    f: &mut fmt::Formatter<'_>,
    error: &dyn std::error::Error,
    variant: &str,
) -> fmt::Result {
    write!(f, "{error} ({variant}")?;
    let mut source = error.source();
    while let Some(error) = source {
        write!(f, ": {error}")?;
        source = error.source();
    }
    f.write_str(")")
}

#[cfg(test)]
mod tests;
