//! Reads fields of a fixed size, and defines the reasons why bytes are not a record.

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// The record is shorter than a header, or than its header says.
    Short,
    /// The checksum does not match these bytes and this key.
    Checksum,
    /// The record has a format, kind or flag that this version does not know, or a payload that its kind
    /// does not allow.
    Unknown,
    /// The extension is not a list of fields in order, has an invalid field, or lacks a field that the flags
    /// require.
    Extension,
}

impl Damage {
    pub(crate) const fn cause(self) -> &'static str {
        match self {
            Self::Short => "it is shorter than it should be",
            Self::Checksum => "its checksum is not that of its bytes",
            Self::Unknown => "it is of a kind that this version does not know",
            Self::Extension => "its extension is ill-formed",
        }
    }
}

/// Reads big-endian fields of a fixed size from the front.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(Damage::Short)?;
        self.0 = rest;
        Ok(*field)
    }
}
