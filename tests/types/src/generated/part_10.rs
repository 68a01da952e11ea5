//! Generated types, part 10: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// `skip_serializing_if` without the right default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T240 {
    pub(crate) state: i64,
    pub(crate) limit: (i32, u16),
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) coupon: String,
}
content!(struct T240 { state, limit, coupon });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T241 {
    pub(crate) state: u64,
    pub(crate) limit: i8,
    #[serde(flatten)]
    pub(crate) inner: Box<Inner>,
    #[serde(flatten)]
    pub(crate) more: Nested,
}
content!(struct T241 { state, limit, inner, more });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T242 {
    pub(crate) notes: [u8; 3],
    pub(crate) owner: (bool, f64),
    pub(crate) name: Option<Option<u32>>,
    #[serde(flatten)]
    pub(crate) inner: Inner,
}
content!(struct T242 { notes, owner, name, inner });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T243 {
    pub(crate) notes: String,
    #[serde(flatten)]
    pub(crate) inner: Inner,
    #[serde(flatten)]
    pub(crate) more: Nested,
}
content!(struct T243 { notes, inner, more });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T244 {
    Exam {
        name: u16,
    },
    Toll {
        tags: u64,
    },
    Fields {
        level: u64,
        notes: HashMap<String, u64>,
        #[serde(flatten)]
        inner: Box<Inner>,
    },
}
content!(enum T244 3 {
    0 Exam { name: a0 b0 }
    1 Toll { tags: a0 b0 }
    2 Fields { level: a0 b0, notes: a1 b1, inner: a2 b2 }
});

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T245 {
    pub(crate) state: Option<char>,
    pub(crate) limit: i8,
    #[serde(flatten)]
    pub(crate) inner: Inner,
    #[serde(flatten)]
    pub(crate) more: Nested,
}
content!(struct T245 { state, limit, inner, more });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T246 {
    pub(crate) stock: [[u16; 3]; 3],
    #[serde(flatten)]
    pub(crate) inner: Inner,
}
content!(struct T246 { stock, inner });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T247 {
    pub(crate) parts: u8,
    pub(crate) weight: HashMap<String, u16>,
    pub(crate) origin: String,
    #[serde(flatten)]
    pub(crate) inner: Box<Inner>,
    #[serde(flatten)]
    pub(crate) more: Nested,
}
content!(struct T247 { parts, weight, origin, inner, more });

// `flatten` of a struct
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T248 {
    Toll {
        origin: f64,
    },
    Data(u16, bool),
    Fields {
        code: Option<Option<u64>>,
        #[serde(flatten)]
        inner: Inner,
    },
}
content!(enum T248 3 {
    0 Toll { origin: a0 b0 }
    1 Data { 0: a0 b0, 1: a1 b1 }
    2 Fields { code: a0 b0, inner: a1 b1 }
});

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T249 {
    pub(crate) price: i32,
    pub(crate) stock: bool,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, HashMap<String, i16>>,
}
content!(struct T249 { price, stock, rest });

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T250 {
    pub(crate) price: i64,
    pub(crate) stock: Option<i64>,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, (i32, i64)>,
}
content!(struct T250 { price, stock, rest });

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T251 {
    pub(crate) notes: u32,
    pub(crate) owner: Vec<HashMap<String, String>>,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, u8>,
}
content!(struct T251 { notes, owner, rest });

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T252 {
    Betting(u16, String),
    Gift(u8, Vec<Option<char>>),
    Fields {
        bundle: BTreeMap<String, Vec<u8>>,
        #[serde(flatten)]
        rest: BTreeMap<String, String>,
    },
}
content!(enum T252 3 {
    0 Betting { 0: a0 b0, 1: a1 b1 }
    1 Gift { 0: a0 b0, 1: a1 b1 }
    2 Fields { bundle: a0 b0, rest: a1 b1 }
});

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T253 {
    pub(crate) tags: i16,
    pub(crate) bundle: HashMap<String, (bool, u32)>,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, (f64, u64)>,
}
content!(struct T253 { tags, bundle, rest });

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T254 {
    pub(crate) state: char,
    pub(crate) limit: u16,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, HashMap<String, u32>>,
}
content!(struct T254 { state, limit, rest });

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T255 {
    pub(crate) code: u8,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, [String; 3]>,
}
content!(struct T255 { code, rest });

// `flatten` of a map
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T256 {
    Refund {
        level: HashMap<String, i32>,
    },
    Rent {
        tags: String,
        bundle: HashMap<String, i16>,
    },
    Fields {
        stock: i32,
        #[serde(flatten)]
        rest: BTreeMap<String, u32>,
    },
}
content!(enum T256 3 {
    0 Refund { level: a0 b0 }
    1 Rent { tags: a0 b0, bundle: a1 b1 }
    2 Fields { stock: a0 b0, rest: a1 b1 }
});

// `flatten` of two maps
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T257 {
    pub(crate) expires: u16,
    pub(crate) level: f64,
    pub(crate) notes: Option<i32>,
    #[serde(flatten)]
    pub(crate) some: BTreeMap<String, u8>,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, u8>,
}
content!(struct T257 { expires, level, notes, some, rest });

// `flatten` of two maps
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T258 {
    pub(crate) stock: f64,
    pub(crate) rate: u16,
    pub(crate) code: i8,
    #[serde(flatten)]
    pub(crate) some: BTreeMap<String, u8>,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, u8>,
}
content!(struct T258 { stock, rate, code, some, rest });

// `flatten` of an `Option`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T259 {
    pub(crate) price: i8,
    pub(crate) stock: String,
    #[serde(flatten)]
    pub(crate) inner: Option<Inner>,
}
content!(struct T259 { price, stock, inner });

// `flatten` of an `Option`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T260 {
    pub(crate) bundle: BTreeMap<String, u32>,
    pub(crate) parts: char,
    #[serde(flatten)]
    pub(crate) inner: Option<Sparse>,
}
content!(struct T260 { bundle, parts, inner [none_to_empty] });

// `flatten` of an `Option`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T261 {
    pub(crate) rate: f64,
    pub(crate) code: BTreeMap<String, u32>,
    pub(crate) tags: char,
    #[serde(flatten)]
    pub(crate) inner: Option<Inner>,
}
content!(struct T261 { rate, code, tags, inner });

// `flatten` of an `Option`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T262 {
    Rent(u64),
    Power(BTreeMap<String, Option<String>>),
    Fields {
        owner: HashMap<String, [i64; 3]>,
        name: char,
        state: u8,
        #[serde(flatten)]
        inner: Option<Sparse>,
    },
}
content!(enum T262 3 {
    0 Rent { 0: a0 b0 }
    1 Power { 0: a0 b0 }
    2 Fields { owner: a0 b0, name: a1 b1, state: a2 b2, inner: a3 b3 [none_to_empty] }
});

// `flatten` of an enum
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T263 {
    pub(crate) tags: String,
    pub(crate) bundle: f64,
    pub(crate) parts: i16,
    #[serde(flatten)]
    pub(crate) inner: Tagged,
}
content!(struct T263 { tags, bundle, parts, inner });
