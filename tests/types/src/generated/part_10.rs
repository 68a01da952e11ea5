//! Generated types, part 10: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// `skip_serializing_if` without the right default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T240 {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) coupon: String,
    pub(crate) code: Option<char>,
}
content!(struct T240 { coupon, code });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T241 {
    pub(crate) parts: bool,
    pub(crate) weight: f64,
    #[serde(flatten)]
    pub(crate) inner: Box<Inner>,
    #[serde(flatten)]
    pub(crate) more: Nested,
}
content!(struct T241 { parts, weight, inner, more });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T242 {
    pub(crate) origin: String,
    pub(crate) expires: Box<u16>,
    pub(crate) level: bool,
    #[serde(flatten)]
    pub(crate) inner: Inner,
}
content!(struct T242 { origin, expires, level, inner });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T243 {
    pub(crate) state: u64,
    pub(crate) limit: Option<u32>,
    pub(crate) price: bool,
    #[serde(flatten)]
    pub(crate) inner: Inner,
    #[serde(flatten)]
    pub(crate) more: Nested,
}
content!(struct T243 { state, limit, price, inner, more });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T244 {
    Refund(i64, u8, u16),
    Rent,
    Fields {
        limit: String,
        #[serde(flatten)]
        inner: Box<Inner>,
    },
}
content!(enum T244 3 {
    0 Refund { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Rent {}
    2 Fields { limit: a0 b0, inner: a1 b1 }
});

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T245 {
    pub(crate) name: HashMap<String, u32>,
    pub(crate) state: String,
    #[serde(flatten)]
    pub(crate) inner: Inner,
    #[serde(flatten)]
    pub(crate) more: Nested,
}
content!(struct T245 { name, state, inner, more });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T246 {
    pub(crate) bundle: BTreeMap<String, Vec<u8>>,
    #[serde(flatten)]
    pub(crate) inner: Inner,
}
content!(struct T246 { bundle, inner });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T247 {
    pub(crate) origin: BTreeMap<String, f64>,
    pub(crate) expires: u16,
    pub(crate) level: String,
    #[serde(flatten)]
    pub(crate) inner: Box<Inner>,
    #[serde(flatten)]
    pub(crate) more: Nested,
}
content!(struct T247 { origin, expires, level, inner, more });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T248 {
    Data((i16, u8), (f64, i16)),
    Betting {
        notes: u32,
    },
    Fields {
        rate: String,
        #[serde(flatten)]
        inner: Inner,
    },
}
content!(enum T248 3 {
    0 Data { 0: a0 b0, 1: a1 b1 }
    1 Betting { notes: a0 b0 }
    2 Fields { rate: a0 b0, inner: a1 b1 }
});

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T249 {
    pub(crate) state: char,
    pub(crate) limit: u16,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, HashMap<String, u32>>,
}
content!(struct T249 { state, limit, rest });

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T250 {
    pub(crate) code: u8,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, [String; 3]>,
}
content!(struct T250 { code, rest });

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T251 {
    pub(crate) stock: i32,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, u32>,
}
content!(struct T251 { stock, rest });

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T252 {
    Exam(HashMap<String, i16>, u32, i16),
    Toll(i32, char),
    Fields {
        code: Box<HashMap<String, u64>>,
        #[serde(flatten)]
        rest: BTreeMap<String, i16>,
    },
}
content!(enum T252 3 {
    0 Exam { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Toll { 0: a0 b0, 1: a1 b1 }
    2 Fields { code: a0 b0, rest: a1 b1 }
});

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T253 {
    pub(crate) tags: Box<Option<String>>,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, Vec<u32>>,
}
content!(struct T253 { tags, rest });

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T254 {
    pub(crate) bundle: BTreeMap<String, u32>,
    pub(crate) parts: char,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, String>,
}
content!(struct T254 { bundle, parts, rest });

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T255 {
    pub(crate) rate: u32,
    pub(crate) code: char,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, Option<char>>,
}
content!(struct T255 { rate, code, rest });

// `flatten` of a map
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

// `flatten` of two maps
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

// `flatten` of two maps
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

// `flatten` of an `Option`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T259 {
    pub(crate) owner: (f64, Box<u64>),
    pub(crate) name: bool,
    #[serde(flatten)]
    pub(crate) inner: Option<Inner>,
}
content!(struct T259 { owner, name, inner });

// `flatten` of an `Option`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T260 {
    pub(crate) price: BTreeMap<String, String>,
    pub(crate) stock: u16,
    pub(crate) rate: i64,
    #[serde(flatten)]
    pub(crate) inner: Option<Sparse>,
}
content!(struct T260 { price, stock, rate, inner [none_to_empty] });

// `flatten` of an `Option`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T261 {
    pub(crate) stock: Box<[u8; 3]>,
    #[serde(flatten)]
    pub(crate) inner: Option<Inner>,
}
content!(struct T261 { stock, inner });

// `flatten` of an `Option`
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

// `flatten` of an enum
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T263 {
    pub(crate) state: i16,
    #[serde(flatten)]
    pub(crate) inner: Tagged,
}
content!(struct T263 { state, inner });
