//! Generated types, part 9: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// `skip_serializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T216 {
    pub(crate) origin: [[i8; 3]; 3],
    #[serde(skip_serializing)]
    #[serde(default)]
    pub(crate) lost: u32,
    pub(crate) expires: char,
}
content!(struct T216 { origin, lost [to_default], expires });

// `skip_serializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T217 {
    Gift(HashMap<String, Option<i8>>, BTreeMap<String, i64>),
    Airtime(BTreeMap<String, u64>, i32),
    Fields {
        parts: HashMap<String, i8>,
        #[serde(skip_serializing)]
        #[serde(default)]
        lost: u32,
        weight: f64,
    },
}
content!(enum T217 3 {
    0 Gift { 0: a0 b0, 1: a1 b1 }
    1 Airtime { 0: a0 b0, 1: a1 b1 }
    2 Fields { parts: a0 b0, lost: a1 b1 [to_default], weight: a2 b2 }
});

// `skip_serializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T218 {
    #[serde(skip_serializing)]
    pub(crate) lost: u32,
    pub(crate) state: bool,
    pub(crate) limit: f64,
    pub(crate) price: u16,
}
content!(struct T218 { lost [to_default], state, limit, price });

// `skip_deserializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T219 {
    #[serde(skip_deserializing)]
    pub(crate) lost: (u8, u64),
    pub(crate) parts: u16,
}
content!(struct T219 { lost [to_default], parts });

// `skip_deserializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T220 {
    #[serde(skip_deserializing)]
    pub(crate) lost: char,
    pub(crate) origin: u32,
}
content!(struct T220 { lost [to_default], origin });

// `skip_deserializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T221 {
    pub(crate) price: i32,
    pub(crate) stock: i32,
    #[serde(skip_deserializing)]
    pub(crate) lost: Option<i32>,
}
content!(struct T221 { price, stock, lost [to_default] });

// `skip_deserializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T222 {
    pub(crate) bundle: Box<i16>,
    pub(crate) parts: i32,
    pub(crate) weight: f64,
    #[serde(skip_deserializing)]
    pub(crate) lost: (u8, u64),
}
content!(struct T222 { bundle, parts, weight, lost [to_default] });

// `skip_deserializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T223 {
    Power {
        owner: i8,
    },
    Exam {
        tags: u64,
        bundle: f64,
        parts: u32,
        weight: Vec<String>,
    },
    Fields {
        parts: Vec<String>,
        #[serde(skip_deserializing)]
        lost: (i8, String),
        weight: String,
        origin: u64,
    },
}
content!(enum T223 3 {
    0 Power { owner: a0 b0 }
    1 Exam { tags: a0 b0, bundle: a1 b1, parts: a2 b2, weight: a3 b3 }
    2 Fields { parts: a0 b0, lost: a1 b1 [to_default], weight: a2 b2, origin: a3 b3 }
});

// `skip_deserializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T224 {
    #[serde(skip_deserializing)]
    pub(crate) lost: Option<i16>,
    pub(crate) name: i32,
}
content!(struct T224 { lost [to_default], name });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T225 {
    pub(crate) rate: i32,
    pub(crate) code: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) coupon: Option<u32>,
}
content!(struct T225 { rate, code, coupon });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T226 {
    pub(crate) state: String,
    pub(crate) limit: HashMap<String, Option<String>>,
    pub(crate) price: u64,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) coupon: Vec<u8>,
}
content!(struct T226 { state, limit, price, coupon });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T227 {
    pub(crate) weight: u16,
    #[serde(skip_serializing_if = "is_five", default = "five")]
    pub(crate) coupon: u32,
}
content!(struct T227 { weight, coupon });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T228 {
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) coupon: BTreeMap<String, u8>,
    pub(crate) tags: u32,
}
content!(struct T228 { coupon, tags });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T229 {
    Power {
        owner: HashMap<String, Vec<char>>,
    },
    Exam {
        level: ([String; 3], String),
        notes: Option<i32>,
        owner: i8,
        name: Box<u16>,
    },
    Fields {
        bundle: BTreeMap<String, HashMap<String, i64>>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        coupon: Option<u32>,
        parts: u32,
    },
}
content!(enum T229 3 {
    0 Power { owner: a0 b0 }
    1 Exam { level: a0 b0, notes: a1 b1, owner: a2 b2, name: a3 b3 }
    2 Fields { bundle: a0 b0, coupon: a1 b1, parts: a2 b2 }
});

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T230 {
    pub(crate) state: u8,
    pub(crate) limit: BTreeMap<String, Vec<i64>>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) coupon: Vec<u8>,
    pub(crate) price: char,
}
content!(struct T230 { state, limit, coupon, price });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T231 {
    pub(crate) notes: f64,
    #[serde(skip_serializing_if = "is_five", default = "five")]
    pub(crate) coupon: u32,
}
content!(struct T231 { notes, coupon });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T232 {
    pub(crate) name: i8,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) coupon: BTreeMap<String, u8>,
    pub(crate) state: u8,
    pub(crate) limit: i64,
}
content!(struct T232 { name, coupon, state, limit });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T233 {
    pub(crate) origin: f64,
    pub(crate) expires: i64,
    pub(crate) level: f64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) coupon: Option<u32>,
}
content!(struct T233 { origin, expires, level, coupon });

// `skip_serializing_if` with a default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T234 {
    Gift,
    Airtime {
        code: u16,
        tags: i32,
        bundle: i64,
        parts: (i32, u16),
    },
    Fields {
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        coupon: Vec<u8>,
        state: BTreeMap<String, String>,
        limit: u32,
    },
}
content!(enum T234 3 {
    0 Gift {}
    1 Airtime { code: a0 b0, tags: a1 b1, bundle: a2 b2, parts: a3 b3 }
    2 Fields { coupon: a0 b0, state: a1 b1, limit: a2 b2 }
});

// `skip_serializing_if` without the right default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T235 {
    pub(crate) stock: i32,
    pub(crate) rate: u64,
    #[serde(skip_serializing_if = "is_five")]
    pub(crate) coupon: u32,
    pub(crate) code: i8,
}
content!(struct T235 { stock, rate, coupon, code });

// `skip_serializing_if` without the right default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T236 {
    pub(crate) origin: u8,
    pub(crate) expires: (bool, f64),
    #[serde(skip_serializing_if = "is_five", default)]
    pub(crate) coupon: u32,
    pub(crate) level: Option<u8>,
}
content!(struct T236 { origin, expires, coupon, level });

// `skip_serializing_if` without the right default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T237 {
    pub(crate) notes: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) coupon: String,
}
content!(struct T237 { notes, coupon });

// `skip_serializing_if` without the right default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T238 {
    #[serde(skip_serializing_if = "is_five")]
    pub(crate) coupon: u32,
    pub(crate) notes: HashMap<String, u64>,
    pub(crate) owner: i8,
    pub(crate) name: String,
}
content!(struct T238 { coupon, notes, owner, name });

// `skip_serializing_if` without the right default
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T239 {
    Rent(bool, HashMap<String, [f64; 3]>, Box<u16>),
    Power {
        bundle: u16,
        parts: String,
    },
    Fields {
        #[serde(skip_serializing_if = "is_five", default)]
        coupon: u32,
        name: u16,
        state: i64,
        limit: Option<char>,
    },
}
content!(enum T239 3 {
    0 Rent { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Power { bundle: a0 b0, parts: a1 b1 }
    2 Fields { coupon: a0 b0, name: a1 b1, state: a2 b2, limit: a3 b3 }
});
