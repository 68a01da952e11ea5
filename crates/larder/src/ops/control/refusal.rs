//! Refusals: the answers to requests that were refused or have failed.

use std::error::Error as _;

use serde::{Deserialize, Serialize};

use super::line::{PROTOCOL, to_line};
use crate::error::Error;
use crate::error::cause::ErrorCause;
use crate::format::escape::escape_control;

/// The answer to a request that was refused or has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The kind of the reason, for programs.
    pub kind: RefusalKind,
    /// The cause, as text for people.
    pub cause: String,
    /// The remedy, as text for people.
    pub remedy: String,
}

/// The kind of the reason why a request was refused.
///
/// In the protocol, a kind is the name of its variant in `snake_case`, for example `unknown_keyspace`. A
/// later version may send a kind that this version does not know. The client reads such a kind as
/// [`Other`](RefusalKind::Other).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefusalKind {
    /// The line is not a request.
    Malformed,
    /// The request uses another version of the protocol.
    UnsupportedVersion,
    /// The process does not understand the request.
    UnknownRequest,
    /// Neither the process nor its file has the keyspace.
    UnknownKeyspace,
    /// The text of the key does not have the shape of the keyspace's keys.
    BadKey,
    /// The request is too long.
    TooLong,
    /// The process already serves its maximum number of peers or streams.
    Busy,
    /// The change is visible in the process, but is possibly not on disk: see
    /// [`Error::NotDurable`](crate::Error::NotDurable).
    NotDurable,
    /// The verification of the file could not be completed: see [`Error::Verify`](crate::Error::Verify).
    NotVerified,
    /// The application does not allow the request.
    NotAllowed,
    /// The cache is closed.
    Closed,
    /// The process panicked during the request.
    Panicked,
    /// The request failed in another way.
    Failed,
    /// A kind that this version does not know, with its name.
    #[serde(untagged)]
    Other(String),
}

impl Refusal {
    pub(super) fn new(kind: RefusalKind, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind, cause: cause.into(), remedy: remedy.into() }
    }

    pub(super) fn closed() -> Self {
        Self::new(RefusalKind::Closed, "the cache is closed", "ask the process that has it now")
    }

    pub(super) fn to_line(&self) -> Vec<u8> {
        to_line(&serde_json::json!({ "v": PROTOCOL, "error": self }))
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The text comes from another process, so control characters are escaped.
        write!(f, "{}; {}", escape_control(&self.cause), escape_control(&self.remedy))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::NotDurable { cause, source } => Self::new(
                RefusalKind::NotDurable,
                format!(
                    "not durable: {:#}; memory has the change, the disk may not",
                    ErrorCause::of_fields(cause, source)
                ),
                "repeat the request, or remove the file before the process is started again",
            ),
            Error::Verify { cause, source } => Self::new(
                RefusalKind::NotVerified,
                format!("{:#}", ErrorCause::of_fields(cause, source)),
                "verify the file again when the disk works",
            ),
            Error::Closed => Self::closed(),
            other => {
                let text = other.to_string();
                let (cause, remedy) = text.split_once("; ").unwrap_or((&text, "see the process's log"));
                let source = other.source().map_or(String::new(), |source| format!(": {source}"));
                Self::new(RefusalKind::Failed, format!("{cause}{source}"), remedy)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names are part of the protocol, because clients of other versions read them.
    #[test]
    fn each_kind_has_its_name_on_the_socket() {
        for (kind, name) in [
            (RefusalKind::Malformed, "malformed"),
            (RefusalKind::UnsupportedVersion, "unsupported_version"),
            (RefusalKind::UnknownRequest, "unknown_request"),
            (RefusalKind::UnknownKeyspace, "unknown_keyspace"),
            (RefusalKind::BadKey, "bad_key"),
            (RefusalKind::TooLong, "too_long"),
            (RefusalKind::Busy, "busy"),
            (RefusalKind::NotDurable, "not_durable"),
            (RefusalKind::NotVerified, "not_verified"),
            (RefusalKind::NotAllowed, "not_allowed"),
            (RefusalKind::Closed, "closed"),
            (RefusalKind::Panicked, "panicked"),
            (RefusalKind::Failed, "failed"),
        ] {
            assert_eq!(serde_json::to_value(&kind).unwrap(), name);
            assert_eq!(serde_json::from_value::<RefusalKind>(name.into()).unwrap(), kind);
        }
    }

    #[test]
    fn a_kind_of_a_later_version_is_read_by_its_name() {
        let line = serde_json::json!({ "kind": "too_hot", "cause": "it is hot", "remedy": "wait", "new": 1 });
        let refusal: Refusal = serde_json::from_value(line).unwrap();
        assert_eq!(refusal.kind, RefusalKind::Other("too_hot".to_owned()));
        assert_eq!(serde_json::to_value(&refusal.kind).unwrap(), "too_hot", "it is passed on as it came");
        assert_eq!(refusal.to_string(), "it is hot; wait");
    }
}
