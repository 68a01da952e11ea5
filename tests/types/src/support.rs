//! Helpers for the generated types: types that they contain, and functions that their attributes name.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::content::{Content, Maker, content};

pub(crate) fn five() -> u32 {
    5
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_five(number: &u32) -> bool {
    *number == 5
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) x: i32,
    pub(crate) y: u8,
}
content!(struct Point { x, y });

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) String);
content!(struct Key { 0 });

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Color {
    Red,
    Green,
    Blue,
}
content!(enum Color 3 { 0 Red {} 1 Green {} 2 Blue {} });

/// A struct for `flatten`. None of its fields has the name of a generated field.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Inner {
    pub(crate) inner_id: u32,
    pub(crate) inner_text: String,
}
content!(struct Inner { inner_id, inner_text });

/// A struct for `flatten` that has a flattened field itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Nested {
    pub(crate) nested_id: i64,
    #[serde(flatten)]
    pub(crate) deepest: Deepest,
}
content!(struct Nested { nested_id, deepest });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Deepest {
    pub(crate) deepest_list: Vec<u16>,
    pub(crate) deepest_map: BTreeMap<String, bool>,
}
content!(struct Deepest { deepest_list, deepest_map });

/// A struct for `flatten` whose fields may all be absent.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sparse {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sparse_a: Option<u8>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sparse_b: Vec<String>,
}
content!(struct Sparse { sparse_a, sparse_b });

/// An internally tagged enum for `flatten`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "tagged_kind")]
pub(crate) enum Tagged {
    Plain,
    Fields { tagged_text: String, tagged_number: i16 },
}
content!(enum Tagged 2 { 0 Plain {} 1 Fields { tagged_text: a0 b0, tagged_number: a1 b1 } });

/// An enum for `flatten`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Choice {
    ChosenText(String),
    ChosenFields { a: u8, b: Option<u8> },
}
content!(enum Choice 2 { 0 ChosenText { 0: a0 b0 } 1 ChosenFields { a: a0 b0, b: a1 b1 } });

#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: DeserializeOwned"))]
pub(crate) struct Holder<T> {
    pub(crate) held: T,
    pub(crate) others: Vec<T>,
}

impl<T: Content> Content for Holder<T> {
    fn make(maker: &mut Maker) -> Self {
        maker.deeper(|maker| Self { held: T::make(maker), others: Vec::make(maker) })
    }

    fn same(&self, read: &Self, with_losses: bool) -> bool {
        self.held.same(&read.held, with_losses) && self.others.same(&read.others, with_losses)
    }
}

/// Stands in for a type from another crate: it implements no serde trait, and serde reads its fields
/// through getters.
#[derive(Debug)]
pub(crate) struct Foreign {
    number: u32,
    text: String,
}
content!(struct Foreign { number, text });

impl Foreign {
    fn number(&self) -> u32 {
        self.number
    }

    fn text(&self) -> &String {
        &self.text
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Foreign")]
pub(crate) struct ForeignDef {
    #[serde(getter = "Foreign::number")]
    number: u32,
    #[serde(getter = "Foreign::text")]
    text: String,
}

impl From<ForeignDef> for Foreign {
    fn from(ForeignDef { number, text }: ForeignDef) -> Self {
        Self { number, text }
    }
}

/// The serialized form of a type with `from` and `into`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Wire(pub(crate) String, pub(crate) Vec<u32>);

macro_rules! wire {
    (into $name:ident) => {
        impl From<$name> for Wire {
            fn from($name { number, text }: $name) -> Self {
                Self(text, vec![number])
            }
        }
    };
    (surely $name:ident) => {
        wire!(into $name);
        impl From<Wire> for $name {
            fn from(Wire(text, numbers): Wire) -> Self {
                Self { number: numbers.first().copied().unwrap_or_default(), text }
            }
        }
    };
    (perhaps $name:ident) => {
        wire!(into $name);
        impl TryFrom<Wire> for $name {
            type Error = String;

            fn try_from(Wire(text, numbers): Wire) -> Result<Self, String> {
                let number = numbers.first().copied().ok_or_else(|| format!("{text} has no number"))?;
                Ok(Self { number, text })
            }
        }
    };
}
pub(crate) use wire;
