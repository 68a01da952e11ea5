//! The error of this crate.

use std::fmt;
use std::io;

/// An error while writing or reading an export.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading the input or writing the output failed.
    #[error("the export could not be read or written: {}", .0.kind())]
    Io(#[from] io::Error),

    /// The input does not begin like an export.
    #[error(
        "it is not an export of larder's: it begins neither with larder.export nor with {{\"larder_export\":"
    )]
    NotAnExport,

    /// The export has a newer version of the format.
    #[error("its export format is {found}, and this version reads up to {supported}; upgrade larder")]
    NewerFormat {
        /// The version of the export's format.
        found: u64,
        /// The newest version that this crate reads.
        supported: u32,
    },

    /// The input ends before the end of the export.
    #[error("it is cut off after {entries} entries; export it again")]
    CutOff {
        /// The number of entries that were read.
        entries: u64,
    },

    /// The export is damaged.
    #[error("it is damaged {place}: {why}")]
    Damaged {
        /// Where the damage is in the export.
        place: String,
        /// What is wrong.
        why: String,
    },

    /// A keyspace or an entry cannot be exported.
    #[error("{what} cannot be exported: {why}")]
    Unfit {
        /// `a keyspace` or `an entry`.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// Writes the text of the error, the name of the variant and the source, so that `unwrap` shows all three.
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
        match self {
            Self::Io(source) => write!(f, "{self} ({variant}: {source})"),
            _ => write!(f, "{self} ({variant})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

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
            let source = error.source().map_or(String::new(), |source| format!(": {source}"));
            assert_eq!(format!("{error:?}"), format!("{error} ({variant}{source})"));
        }
        let full = Error::Io(io::Error::from_raw_os_error(28));
        assert_eq!(
            format!("{full:?}"),
            "the export could not be read or written: no storage space (Io: No space left on device (os error 28))"
        );
    }

    #[test]
    fn the_error_of_the_system_is_the_source() {
        let error = Error::from(io::Error::from(io::ErrorKind::StorageFull));
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(source.map(io::Error::kind), Some(io::ErrorKind::StorageFull));
        assert!(Error::NotAnExport.source().is_none());
    }
}
