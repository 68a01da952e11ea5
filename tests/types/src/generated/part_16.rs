//! Generated types, part 16: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T256>("T256", "`flatten` of a map");
    judge.values_of::<T257>("T257", "`flatten` of two maps");
    judge.values_of::<T258>("T258", "`flatten` of two maps");
    judge.values_of::<T259>("T259", "`flatten` of an `Option`");
    judge.values_of::<T260>("T260", "`flatten` of an `Option`");
    judge.values_of::<T261>("T261", "`flatten` of an `Option`");
    judge.values_of::<T262>("T262", "`flatten` of an `Option`");
    judge.values_of::<T263>("T263", "`flatten` of an enum");
    judge.values_of::<T264>("T264", "`flatten` of an enum");
    judge.values_of::<T265>("T265", "`flatten` of an enum");
    judge.values_of::<T266>("T266", "`flatten` of an enum");
    judge.values_of::<T267>("T267", "`flatten` of an enum");
    judge.values_of::<T268>("T268", "`flatten` of an enum");
    judge.values_of::<T269>("T269", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T270>("T270", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T271>("T271", "`with`, `serialize_with`, `deserialize_with`");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T256 {
    Data(bool),
    Betting,
    Fields {
        name: [i16; 3],
        state: char,
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    },
}
content!(enum T256 3 {
    0 Data { 0: a0 b0 }
    1 Betting {}
    2 Fields { name: a0 b0, state: a1 b1, rest: a2 b2 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T257 {
    pub(crate) weight: Option<i16>,
    pub(crate) origin: Option<String>,
    pub(crate) expires: Vec<[i16; 3]>,
    #[serde(flatten)]
    pub(crate) some: BTreeMap<String, u8>,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, u8>,
}
content!(struct T257 { weight, origin, expires, some, rest });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T258 {
    pub(crate) expires: u8,
    pub(crate) level: String,
    pub(crate) notes: i16,
    #[serde(flatten)]
    pub(crate) some: BTreeMap<String, u8>,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, u8>,
}
content!(struct T258 { expires, level, notes, some, rest });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T259 {
    pub(crate) owner: (f64, Box<u64>),
    pub(crate) name: bool,
    #[serde(flatten)]
    pub(crate) inner: Option<Inner>,
}
content!(struct T259 { owner, name, inner });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T260 {
    pub(crate) price: BTreeMap<String, String>,
    pub(crate) stock: u16,
    pub(crate) rate: i64,
    #[serde(flatten)]
    pub(crate) inner: Option<Sparse>,
}
content!(struct T260 { price, stock, rate, inner [none_to_empty] });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T261 {
    pub(crate) stock: Box<[u8; 3]>,
    #[serde(flatten)]
    pub(crate) inner: Option<Inner>,
}
content!(struct T261 { stock, inner });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T262 {
    Refund {
        rate: BTreeMap<String, f64>,
        code: bool,
        tags: u32,
    },
    Rent {
        notes: [BTreeMap<String, i8>; 3],
        owner: String,
    },
    Fields {
        bundle: i16,
        parts: i64,
        #[serde(flatten)]
        inner: Option<Sparse>,
    },
}
content!(enum T262 3 {
    0 Refund { rate: a0 b0, code: a1 b1, tags: a2 b2 }
    1 Rent { notes: a0 b0, owner: a1 b1 }
    2 Fields { bundle: a0 b0, parts: a1 b1, inner: a2 b2 [none_to_empty] }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T263 {
    pub(crate) state: i16,
    #[serde(flatten)]
    pub(crate) inner: Tagged,
}
content!(struct T263 { state, inner });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T264 {
    pub(crate) expires: i8,
    pub(crate) level: i64,
    pub(crate) notes: i32,
    #[serde(flatten)]
    pub(crate) inner: Choice,
}
content!(struct T264 { expires, level, notes, inner });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T265 {
    pub(crate) rate: i16,
    #[serde(flatten)]
    pub(crate) inner: Tagged,
}
content!(struct T265 { rate, inner });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T266 {
    Cable {
        owner: char,
        name: u32,
        state: i32,
    },
    Refund(u64, HashMap<String, bool>),
    Fields {
        owner: u32,
        name: f64,
        state: String,
        #[serde(flatten)]
        inner: Tagged,
    },
}
content!(enum T266 3 {
    0 Cable { owner: a0 b0, name: a1 b1, state: a2 b2 }
    1 Refund { 0: a0 b0, 1: a1 b1 }
    2 Fields { owner: a0 b0, name: a1 b1, state: a2 b2, inner: a3 b3 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T267 {
    pub(crate) expires: i64,
    #[serde(flatten)]
    pub(crate) inner: Choice,
}
content!(struct T267 { expires, inner });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T268 {
    pub(crate) parts: u16,
    pub(crate) weight: Option<i8>,
    pub(crate) origin: f64,
    #[serde(flatten)]
    pub(crate) inner: Tagged,
}
content!(struct T268 { parts, weight, origin, inner });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T269 {
    #[serde(with = "as_text")]
    pub(crate) changed: u32,
    pub(crate) owner: String,
}
content!(struct T269 { changed, owner });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T270 {
    #[serde(serialize_with = "as_text::serialize", deserialize_with = "as_text::deserialize")]
    pub(crate) changed: u32,
    pub(crate) owner: u64,
    pub(crate) name: char,
}
content!(struct T270 { changed, owner, name });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T271 {
    pub(crate) notes: u16,
    pub(crate) owner: i16,
    #[serde(with = "as_bytes")]
    pub(crate) changed: Vec<u8>,
}
content!(struct T271 { notes, owner, changed });
