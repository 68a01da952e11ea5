//! The content of the lines of the protocol: requests and answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::line::{PROTOCOL, to_line};
use super::refusal::{Refusal, RefusalKind};
use crate::units::ByteSize;

/// Maximum number of keys in a page.
pub const MAX_PAGE: u32 = 1000;
/// Maximum length in bytes of an encoded value in the answer to `get`. For a longer value, the answer has
/// only its length.
pub const MAX_VALUE_SENT: usize = 1 << 20;
/// Maximum length of a request in bytes, with its line end. A request with the longest possible key fits,
/// however the key is written.
pub const MAX_LINE: usize = 64 << 10;

/// A request. Its field `do` names the variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Request {
    Hello {},
    Stats {},
    Keyspaces {},
    Keys {
        keyspace: String,
        #[serde(default)]
        prefix: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
        #[serde(default)]
        all: bool,
    },
    Get {
        keyspace: String,
        key: String,
    },
    Ttl {
        keyspace: String,
        key: String,
    },
    Why {
        keyspace: String,
        key: String,
    },
    Remove {
        keyspace: String,
        key: String,
    },
    RemovePrefix {
        keyspace: String,
        prefix: String,
    },
    Clear {
        keyspace: String,
    },
    ClearAll {},
    Flush {},
    Sweep {},
    Verify {},
    Hot {
        keyspace: Option<String>,
        limit: Option<usize>,
    },
    Slow {
        keyspace: Option<String>,
        limit: Option<usize>,
    },
    Monitor(MonitorRequest),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MonitorRequest {
    pub(super) one_in: Option<u64>,
    pub(super) seconds: Option<u64>,
    pub(super) count: Option<u64>,
    pub(super) keyspace: Option<String>,
}

impl Request {
    pub(super) fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_value(self).unwrap_or_default();
        if let Value::Object(fields) = &mut line {
            fields.insert("v".to_owned(), PROTOCOL.into());
        }
        to_line(&line)
    }

    /// Parses a request from a line of arbitrary bytes.
    pub(super) fn read(line: &[u8]) -> Result<Self, Refusal> {
        let malformed = |cause: String| {
            let remedy = "send an object on one line, as in {\"v\":1,\"do\":\"stats\"}";
            Refusal::new(RefusalKind::Malformed, cause, remedy)
        };
        let mut fields: Map<String, Value> = serde_json::from_slice(line)
            .map_err(|error| malformed(format!("the line is no request: {error}")))?;
        match fields.remove("v") {
            None => return Err(malformed("the request has no version \"v\"".to_owned())),
            Some(version) if version == PROTOCOL => {}
            Some(version) => {
                return Err(Refusal::new(
                    RefusalKind::UnsupportedVersion,
                    format!("the request is of version {version}, and this process speaks {PROTOCOL}"),
                    "use the larder command of the version that the process was built with",
                ));
            }
        }
        serde_json::from_value(Value::Object(fields)).map_err(|error| {
            Refusal::new(
                RefusalKind::UnknownRequest,
                format!("the request is not understood: {error}"),
                "ask {\"v\":1,\"do\":\"hello\"} for what this process understands",
            )
        })
    }
}

/// The names of the requests, for the answer to `hello`.
pub(super) const VERBS: &[&str] = &[
    "hello",
    "stats",
    "keyspaces",
    "keys",
    "get",
    "ttl",
    "why",
    "remove",
    "remove_prefix",
    "clear",
    "clear_all",
    "flush",
    "sweep",
    "verify",
    "hot",
    "slow",
    "monitor",
];

/// The identity of the process that answers: the answer to `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct Hello {
    /// The version of larder in the process.
    pub larder: String,
    /// The version of the protocol that the process uses.
    pub protocol: u32,
    /// The id of the process.
    pub pid: u32,
    /// The names of the requests that the process understands.
    pub verbs: Vec<String>,
    /// Absolute path of the cache file. `None` if the cache is in memory only.
    pub file: Option<String>,
    /// Identity of the cache file, as `larder info` shows it. A file of format 1 gets its identity with the
    /// first commit of its current owner.
    pub file_identity: Option<String>,
    /// Whether the answer to `get` has the value.
    pub shows_values: bool,
}

/// A keyspace of a live cache: an item of the answer to `keyspaces`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct LiveKeyspaceInfo {
    /// The name of the keyspace.
    pub name: String,
    /// Whether the process has opened the keyspace. If not, only the name, the schema and the numbers on
    /// disk are set.
    pub is_open: bool,
    /// The version of the shape of the keyspace's values.
    pub version: Option<u32>,
    /// The shape of the keyspace's keys, such as `(string, u64)`. Requests write keys in this shape.
    pub keys: Option<String>,
    /// The format of the keyspace's values: 0 bincode, 1 MessagePack, 2 raw bytes.
    pub value_format: Option<u8>,
    /// The schema that the keyspace belongs to, as the file records it. If the file does not have the
    /// keyspace, this is the schema of the definition. `None` if the keyspace belongs to no schema.
    pub schema: Option<String>,
    /// Whether the keyspace's entries are only in memory.
    pub is_memory_only: bool,
    /// Whether a remote tier holds the keyspace. Then the process has copies of some of its entries.
    pub is_remote: bool,
    /// Number of entries on disk, including expired entries that are not swept yet.
    pub disk_entries: u64,
    /// The disk space charged for these entries.
    pub disk_bytes: ByteSize,
}

/// The answer to a removal: the number of removed live entries.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Removed {
    pub(super) removed: u64,
}

/// Returns the line of a successful answer.
pub(super) fn done<T: Serialize>(answer: &T) -> Vec<u8> {
    match serde_json::to_value(answer) {
        Ok(answer) => to_line(&serde_json::json!({ "v": PROTOCOL, "ok": answer })),
        Err(error) => Refusal::new(RefusalKind::Failed, error.to_string(), "report it").to_line(),
    }
}
