//! Why an export could not be written or read.

use std::fmt;
use std::io;

/// An error of writing or reading an export.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes could not be written or read.
    #[error(transparent)]
    Io(#[from] io::Error),

    /// The bytes do not begin as an export does.
    #[error(
        "it is not an export of larder's: it begins neither with larder.export nor with {{\"larder_export\":"
    )]
    NotAnExport,

    /// The export is of a newer version.
    #[error("its export format is {found}, and this version reads up to {supported}; upgrade larder")]
    NewerFormat {
        /// The version of the export.
        found: u64,
        /// The newest that is read.
        supported: u32,
    },

    /// The export ends before its end: it was cut off.
    #[error("it is cut off after {entries} entries; export it again")]
    CutOff {
        /// The entries that were read.
        entries: u64,
    },

    /// The export is not as it was written.
    #[error("it is damaged {place}: {why}")]
    Damaged {
        /// Where.
        place: String,
        /// What is wrong.
        why: String,
    },

    /// What was to be written can't be in an export.
    #[error("{what} can't be exported: {why}")]
    Unfit {
        /// What it is.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// The text, with the name of the variant behind it: what `unwrap` shows has the remedy.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = match self {
            Self::Io(_) => "Io",
            Self::NotAnExport => "NotAnExport",
            Self::NewerFormat { .. } => "NewerFormat",
            Self::CutOff { .. } => "CutOff",
            Self::Damaged { .. } => "Damaged",
            Self::Unfit { .. } => "Unfit",
        };
        write!(f, "{self} ({variant})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_debugged_as_its_text_with_the_name_of_its_variant() {
        let text = || "text".to_owned();
        for (error, variant) in [
            (Error::Io(io::ErrorKind::NotFound.into()), "Io"),
            (Error::NotAnExport, "NotAnExport"),
            (Error::NewerFormat { found: 9, supported: 2 }, "NewerFormat"),
            (Error::CutOff { entries: 7 }, "CutOff"),
            (Error::Damaged { place: text(), why: text() }, "Damaged"),
            (Error::Unfit { what: "a key", why: text() }, "Unfit"),
        ] {
            assert_eq!(format!("{error:?}"), format!("{error} ({variant})"));
        }
    }
}
