//! The reasons to refuse a value that would not come back unchanged.

use std::fmt;

use crate::format::codec::limits::ExceededLimit;

/// Why a value cannot be encoded in its keyspace's format. The text gives advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EncodeRefusal {
    /// The value exceeds a limit, so decoding would refuse it too.
    ExceededLimit(ExceededLimit),
    /// `Serialize` omitted a field. A reader of a positional encoding would read the next field in its
    /// place.
    Skipped {
        field: &'static str,
        owner: &'static str,
    },
    SeqOfUnknownLength,
    MapOfUnknownLength,
    /// `Serialize` wrote more or fewer parts than it announced.
    Length {
        announced: usize,
        written: usize,
    },
    /// The value contains a `Some` whose content MessagePack writes as nil, such as `Some(None)` or
    /// `Some(())`.
    NothingInSome,
}

impl From<ExceededLimit> for EncodeRefusal {
    fn from(exceeded: ExceededLimit) -> Self {
        Self::ExceededLimit(exceeded)
    }
}

/// Advice for a type that a positional encoding cannot carry.
const NAME_THE_FIELDS: &str = "declare the keyspace with Format::MessagePack, which names its fields";

impl fmt::Display for EncodeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExceededLimit(exceeded) => exceeded.fmt(f),
            Self::Skipped { field, owner } => write!(
                f,
                "the field {field:?} of {owner} is left out of this value (skip_serializing_if), and Format::Bincode would read the next field in its place; {NAME_THE_FIELDS}"
            ),
            Self::SeqOfUnknownLength => write!(
                f,
                "it has a sequence whose length is not known before its elements, which Format::Bincode can't write; {NAME_THE_FIELDS}"
            ),
            Self::MapOfUnknownLength => write!(
                f,
                "it has a map whose length is not known before its entries, as a struct with a flattened field is, which Format::Bincode can't write; {NAME_THE_FIELDS}"
            ),
            Self::Length { announced, written } => write!(
                f,
                "its Serialize announces {announced} parts of a compound and writes {written}; correct that implementation"
            ),
            Self::NothingInSome => f.write_str(
                "it has a Some(None) or Some(()), which Format::MessagePack writes as None; use an enum in place of the inner Option, or Format::Bincode",
            ),
        }
    }
}
