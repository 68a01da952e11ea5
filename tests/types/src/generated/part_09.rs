//! Generated types, part 9: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// `skip_serializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T216 {
    #[serde(skip_serializing)]
    #[serde(default)]
    pub(crate) lost: u32,
    pub(crate) stock: HashMap<String, BTreeMap<String, i8>>,
    pub(crate) rate: u8,
}
content!(struct T216 { lost [to_default], stock, rate });

// `skip_serializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T217 {
    Betting {
        code: i16,
        tags: String,
    },
    Gift {
        bundle: (bool, [u64; 3]),
        parts: [u16; 3],
        weight: char,
        origin: u16,
    },
    Fields {
        limit: String,
        #[serde(skip_serializing)]
        #[serde(default)]
        lost: u32,
    },
}
content!(enum T217 3 {
    0 Betting { code: a0 b0, tags: a1 b1 }
    1 Gift { bundle: a0 b0, parts: a1 b1, weight: a2 b2, origin: a3 b3 }
    2 Fields { limit: a0 b0, lost: a1 b1 [to_default] }
});

// `skip_serializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T218 {
    pub(crate) parts: HashMap<String, i8>,
    #[serde(skip_serializing)]
    pub(crate) lost: u32,
    pub(crate) weight: f64,
}
content!(struct T218 { parts, lost [to_default], weight });

// `skip_deserializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T219 {
    pub(crate) bundle: HashMap<String, Option<i8>>,
    pub(crate) parts: BTreeMap<String, i64>,
    #[serde(skip_deserializing)]
    pub(crate) lost: [String; 3],
}
content!(struct T219 { bundle, parts, lost [to_default] });

// `skip_deserializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T220 {
    pub(crate) rate: u64,
    pub(crate) code: i32,
    pub(crate) tags: bool,
    #[serde(skip_deserializing)]
    pub(crate) lost: String,
}
content!(struct T220 { rate, code, tags, lost [to_default] });

// `skip_deserializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T221 {
    #[serde(skip_deserializing)]
    pub(crate) lost: bool,
    pub(crate) expires: u64,
}
content!(struct T221 { lost [to_default], expires });

// `skip_deserializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T222 {
    #[serde(skip_deserializing)]
    pub(crate) lost: Box<u64>,
    pub(crate) parts: u16,
}
content!(struct T222 { lost [to_default], parts });

// `skip_deserializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T223 {
    Cable {
        price: i32,
        stock: i32,
        rate: char,
    },
    Refund,
    Fields {
        #[serde(skip_deserializing)]
        lost: char,
        origin: u32,
    },
}
content!(enum T223 3 {
    0 Cable { price: a0 b0, stock: a1 b1, rate: a2 b2 }
    1 Refund {}
    2 Fields { lost: a0 b0 [to_default], origin: a1 b1 }
});

// `skip_deserializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T224 {
    pub(crate) bundle: Box<i16>,
    pub(crate) parts: i32,
    pub(crate) weight: f64,
    #[serde(skip_deserializing)]
    pub(crate) lost: HashMap<String, u64>,
}
content!(struct T224 { bundle, parts, weight, lost [to_default] });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T225 {
    pub(crate) limit: i8,
    pub(crate) price: u16,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) coupon: Option<u32>,
    pub(crate) stock: u32,
}
content!(struct T225 { limit, price, coupon, stock });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T226 {
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) coupon: Vec<u8>,
    pub(crate) rate: u64,
    pub(crate) code: [String; 3],
}
content!(struct T226 { coupon, rate, code });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T227 {
    pub(crate) owner: i8,
    #[serde(skip_serializing_if = "is_five", default = "five")]
    pub(crate) coupon: u32,
}
content!(struct T227 { owner, coupon });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T228 {
    pub(crate) tags: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) coupon: BTreeMap<String, u8>,
    pub(crate) bundle: f64,
}
content!(struct T228 { tags, coupon, bundle });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T229 {
    Betting {
        name: i32,
        state: i32,
        limit: String,
    },
    Gift,
    Fields {
        notes: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        coupon: Option<u32>,
    },
}
content!(enum T229 3 {
    0 Betting { name: a0 b0, state: a1 b1, limit: a2 b2 }
    1 Gift {}
    2 Fields { notes: a0 b0, coupon: a1 b1 }
});

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T230 {
    pub(crate) state: String,
    pub(crate) limit: HashMap<String, Option<String>>,
    pub(crate) price: u64,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) coupon: Vec<u8>,
}
content!(struct T230 { state, limit, price, coupon });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T231 {
    pub(crate) weight: u16,
    #[serde(skip_serializing_if = "is_five", default = "five")]
    pub(crate) coupon: u32,
}
content!(struct T231 { weight, coupon });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T232 {
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) coupon: BTreeMap<String, u8>,
    pub(crate) tags: u32,
}
content!(struct T232 { coupon, tags });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T233 {
    pub(crate) bundle: BTreeMap<String, HashMap<String, i64>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) coupon: Option<u32>,
    pub(crate) parts: u32,
}
content!(struct T233 { bundle, coupon, parts });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T234 {
    Betting(i32),
    Gift {
        expires: String,
        level: Option<i32>,
    },
    Fields {
        tags: u64,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        coupon: Vec<u8>,
        bundle: i8,
    },
}
content!(enum T234 3 {
    0 Betting { 0: a0 b0 }
    1 Gift { expires: a0 b0, level: a1 b1 }
    2 Fields { tags: a0 b0, coupon: a1 b1, bundle: a2 b2 }
});

// `skip_serializing_if` without the right default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T235 {
    pub(crate) state: u16,
    #[serde(skip_serializing_if = "is_five")]
    pub(crate) coupon: u32,
}
content!(struct T235 { state, coupon });

// `skip_serializing_if` without the right default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T236 {
    pub(crate) price: BTreeMap<String, Vec<i64>>,
    #[serde(skip_serializing_if = "is_five", default)]
    pub(crate) coupon: u32,
    pub(crate) stock: char,
}
content!(struct T236 { price, coupon, stock });

// `skip_serializing_if` without the right default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T237 {
    pub(crate) notes: f64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) coupon: String,
}
content!(struct T237 { notes, coupon });

// `skip_serializing_if` without the right default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T238 {
    pub(crate) name: i8,
    #[serde(skip_serializing_if = "is_five")]
    pub(crate) coupon: u32,
    pub(crate) state: u8,
    pub(crate) limit: i64,
}
content!(struct T238 { name, coupon, state, limit });

// `skip_serializing_if` without the right default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T239 {
    Exam {
        rate: u32,
        code: Option<[bool; 3]>,
        tags: i8,
        bundle: u32,
    },
    Toll,
    Fields {
        origin: f64,
        expires: i64,
        level: f64,
        #[serde(skip_serializing_if = "is_five", default)]
        coupon: u32,
    },
}
content!(enum T239 3 {
    0 Exam { rate: a0 b0, code: a1 b1, tags: a2 b2, bundle: a3 b3 }
    1 Toll {}
    2 Fields { origin: a0 b0, expires: a1 b1, level: a2 b2, coupon: a3 b3 }
});
