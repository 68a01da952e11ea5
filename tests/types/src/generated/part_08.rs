//! Generated types, part 8: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// `alias`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T192 {
    Power {
        weight: u32,
    },
    Exam(BTreeMap<String, (String, u64)>, f64),
    #[serde(alias = "Old")]
    Fields {
        #[serde(alias = "old")]
        #[serde(alias = "older")]
        expires: Vec<i64>,
        level: (Option<char>, String),
        notes: BTreeMap<String, i32>,
    },
}
content!(enum T192 3 {
    0 Power { weight: a0 b0 }
    1 Exam { 0: a0 b0, 1: a1 b1 }
    2 Fields { expires: a0 b0, level: a1 b1, notes: a2 b2 }
});

// `alias`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T193 {
    #[serde(alias = "old")]
    #[serde(alias = "older")]
    pub(crate) weight: String,
    pub(crate) origin: char,
}
content!(struct T193 { weight, origin });

// `alias`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T194 {
    Cable,
    Refund(Box<char>),
    #[serde(alias = "Old")]
    Fields {
        #[serde(alias = "old")]
        #[serde(alias = "older")]
        limit: (Box<i16>, u64),
        price: f64,
        stock: u32,
        rate: [String; 3],
    },
}
content!(enum T194 3 {
    0 Cable {}
    1 Refund { 0: a0 b0 }
    2 Fields { limit: a0 b0, price: a1 b1, stock: a2 b2, rate: a3 b3 }
});

// `alias`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T195 {
    #[serde(alias = "old")]
    #[serde(alias = "older")]
    pub(crate) level: String,
    pub(crate) notes: i16,
    pub(crate) owner: i16,
}
content!(struct T195 { level, notes, owner });

// `alias`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T196 {
    Airtime(BTreeMap<String, HashMap<String, u64>>, u64, u16),
    Cable(i8, BTreeMap<String, u64>, u32),
    #[serde(alias = "Old")]
    Fields {
        #[serde(alias = "old")]
        #[serde(alias = "older")]
        tags: Vec<f64>,
        bundle: String,
    },
}
content!(enum T196 3 {
    0 Airtime { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Cable { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    2 Fields { tags: a0 b0, bundle: a1 b1 }
});

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T197 {
    pub(crate) stock: Option<u64>,
    pub(crate) rate: Box<String>,
    #[serde(default = "five")]
    pub(crate) given: u32,
}
content!(struct T197 { stock, rate, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T198 {
    pub(crate) code: BTreeMap<String, u64>,
    pub(crate) tags: f64,
    pub(crate) bundle: u8,
    #[serde(default)]
    pub(crate) given: Vec<u8>,
}
content!(struct T198 { code, tags, bundle, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct T199 {
    pub(crate) level: bool,
    pub(crate) notes: BTreeMap<String, (char, i16)>,
    pub(crate) owner: u32,
    pub(crate) name: i8,
    pub(crate) given: Option<u8>,
}
content!(struct T199 { level, notes, owner, name, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T200 {
    pub(crate) name: u64,
    pub(crate) state: i64,
    #[serde(default = "five")]
    pub(crate) given: u32,
}
content!(struct T200 { name, state, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T201 {
    pub(crate) notes: BTreeMap<String, u32>,
    pub(crate) owner: BTreeMap<String, char>,
    pub(crate) name: bool,
    pub(crate) state: u16,
    #[serde(default)]
    pub(crate) given: Vec<u8>,
}
content!(struct T201 { notes, owner, name, state, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct T202 {
    pub(crate) code: String,
    pub(crate) tags: i64,
    pub(crate) given: Option<u8>,
}
content!(struct T202 { code, tags, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T203 {
    pub(crate) bundle: i8,
    pub(crate) parts: String,
    pub(crate) weight: String,
    #[serde(default = "five")]
    pub(crate) given: u32,
}
content!(struct T203 { bundle, parts, weight, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T204 {
    pub(crate) rate: i16,
    pub(crate) code: i32,
    pub(crate) tags: char,
    #[serde(default)]
    pub(crate) given: Vec<u8>,
}
content!(struct T204 { rate, code, tags, given });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T205 {
    #[serde(skip)]
    pub(crate) lost: String,
    pub(crate) origin: String,
}
content!(struct T205 { lost [to_default], origin });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T206 {
    pub(crate) weight: u32,
    #[serde(skip, default = "five")]
    pub(crate) lost: u32,
}
content!(struct T206 { weight, lost [to_five] });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T207 {
    pub(crate) weight: String,
    #[serde(skip)]
    pub(crate) lost: i32,
    pub(crate) origin: [i8; 3],
}
content!(struct T207 { weight, lost [to_default], origin });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T208 {
    #[serde(skip, default = "five")]
    pub(crate) lost: u32,
    pub(crate) stock: BTreeMap<String, (u8, u32)>,
    pub(crate) rate: i16,
}
content!(struct T208 { lost [to_five], stock, rate });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T209 {
    Refund(i64, u16),
    Rent {
        owner: Vec<u64>,
        name: i64,
    },
    Fields {
        tags: i32,
        #[serde(skip)]
        lost: u8,
        bundle: i16,
    },
}
content!(enum T209 3 {
    0 Refund { 0: a0 b0, 1: a1 b1 }
    1 Rent { owner: a0 b0, name: a1 b1 }
    2 Fields { tags: a0 b0, lost: a1 b1 [to_default], bundle: a2 b2 }
});

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T210 {
    #[serde(skip, default = "five")]
    pub(crate) lost: u32,
    pub(crate) price: Option<u8>,
}
content!(struct T210 { lost [to_five], price });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T211 {
    #[serde(skip)]
    pub(crate) lost: Vec<i64>,
    pub(crate) tags: Option<bool>,
    pub(crate) bundle: i16,
    pub(crate) parts: Box<HashMap<String, u8>>,
}
content!(struct T211 { lost [to_default], tags, bundle, parts });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T212 {
    #[serde(skip, default = "five")]
    pub(crate) lost: u32,
    pub(crate) tags: f64,
    pub(crate) bundle: HashMap<String, Box<String>>,
    pub(crate) parts: char,
}
content!(struct T212 { lost [to_five], tags, bundle, parts });

// `skip_serializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T213 {
    pub(crate) parts: Option<i8>,
    #[serde(skip_serializing)]
    #[serde(default)]
    pub(crate) lost: u32,
}
content!(struct T213 { parts, lost [to_default] });

// `skip_serializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T214 {
    pub(crate) state: u8,
    #[serde(skip_serializing)]
    #[serde(default)]
    pub(crate) lost: u32,
}
content!(struct T214 { state, lost [to_default] });

// `skip_serializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T215 {
    pub(crate) limit: Option<String>,
    #[serde(skip_serializing)]
    pub(crate) lost: u32,
}
content!(struct T215 { limit, lost [to_default] });
