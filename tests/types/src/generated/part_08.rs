//! Generated types, part 8: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// `alias`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T192 {
    Exam,
    Toll(u32, (String, char)),
    #[serde(alias = "Old")]
    Fields {
        #[serde(alias = "old")]
        #[serde(alias = "older")]
        state: HashMap<String, f64>,
        limit: char,
    },
}
content!(enum T192 3 {
    0 Exam {}
    1 Toll { 0: a0 b0, 1: a1 b1 }
    2 Fields { state: a0 b0, limit: a1 b1 }
});

// `alias`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T193 {
    #[serde(alias = "old")]
    #[serde(alias = "older")]
    pub(crate) limit: (Box<i16>, u64),
    pub(crate) price: f64,
    pub(crate) stock: u32,
    pub(crate) rate: [String; 3],
}
content!(struct T193 { limit, price, stock, rate });

// `alias`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T194 {
    Rent(String, i16),
    Power {
        tags: Vec<f64>,
        bundle: String,
        parts: char,
        weight: u16,
    },
    #[serde(alias = "Old")]
    Fields {
        #[serde(alias = "old")]
        #[serde(alias = "older")]
        code: [u16; 3],
        tags: u8,
    },
}
content!(enum T194 3 {
    0 Rent { 0: a0 b0, 1: a1 b1 }
    1 Power { tags: a0 b0, bundle: a1 b1, parts: a2 b2, weight: a3 b3 }
    2 Fields { code: a0 b0, tags: a1 b1 }
});

// `alias`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T195 {
    #[serde(alias = "old")]
    #[serde(alias = "older")]
    pub(crate) level: BTreeMap<String, HashMap<String, u64>>,
    pub(crate) notes: u64,
    pub(crate) owner: u16,
    pub(crate) name: String,
}
content!(struct T195 { level, notes, owner, name });

// `alias`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T196 {
    Cable {
        rate: u16,
        code: (BTreeMap<String, char>, f64),
        tags: u8,
        bundle: HashMap<String, u32>,
    },
    Refund,
    #[serde(alias = "Old")]
    Fields {
        #[serde(alias = "old")]
        #[serde(alias = "older")]
        origin: i8,
        expires: BTreeMap<String, u64>,
        level: u32,
        notes: Vec<i16>,
    },
}
content!(enum T196 3 {
    0 Cable { rate: a0 b0, code: a1 b1, tags: a2 b2, bundle: a3 b3 }
    1 Refund {}
    2 Fields { origin: a0 b0, expires: a1 b1, level: a2 b2, notes: a3 b3 }
});

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T197 {
    pub(crate) limit: i8,
    pub(crate) price: Option<bool>,
    #[serde(default = "five")]
    pub(crate) given: u32,
}
content!(struct T197 { limit, price, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T198 {
    pub(crate) tags: HashMap<String, u64>,
    pub(crate) bundle: i64,
    #[serde(default)]
    pub(crate) given: Vec<u8>,
}
content!(struct T198 { tags, bundle, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct T199 {
    pub(crate) notes: BTreeMap<String, u32>,
    pub(crate) owner: BTreeMap<String, char>,
    pub(crate) name: bool,
    pub(crate) state: u16,
    pub(crate) given: Option<u8>,
}
content!(struct T199 { notes, owner, name, state, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T200 {
    pub(crate) code: String,
    pub(crate) tags: i64,
    #[serde(default = "five")]
    pub(crate) given: u32,
}
content!(struct T200 { code, tags, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T201 {
    pub(crate) bundle: i8,
    pub(crate) parts: String,
    pub(crate) weight: String,
    #[serde(default)]
    pub(crate) given: Vec<u8>,
}
content!(struct T201 { bundle, parts, weight, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct T202 {
    pub(crate) rate: i16,
    pub(crate) code: i32,
    pub(crate) tags: char,
    pub(crate) given: Option<u8>,
}
content!(struct T202 { rate, code, tags, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T203 {
    pub(crate) parts: f64,
    pub(crate) weight: String,
    pub(crate) origin: i64,
    #[serde(default = "five")]
    pub(crate) given: u32,
}
content!(struct T203 { parts, weight, origin, given });

// `default`, `default = "…"`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T204 {
    pub(crate) rate: HashMap<String, (u16, String)>,
    pub(crate) code: i32,
    pub(crate) tags: i16,
    pub(crate) bundle: String,
    #[serde(default)]
    pub(crate) given: Vec<u8>,
}
content!(struct T204 { rate, code, tags, bundle, given });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T205 {
    pub(crate) price: Box<String>,
    pub(crate) stock: HashMap<String, Vec<char>>,
    #[serde(skip)]
    pub(crate) lost: String,
}
content!(struct T205 { price, stock, lost [to_default] });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T206 {
    pub(crate) stock: u16,
    #[serde(skip, default = "five")]
    pub(crate) lost: u32,
    pub(crate) rate: u8,
}
content!(struct T206 { stock, lost [to_five], rate });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T207 {
    pub(crate) name: HashMap<String, (f64, i64)>,
    pub(crate) state: u64,
    #[serde(skip)]
    pub(crate) lost: f64,
}
content!(struct T207 { name, state, lost [to_default] });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T208 {
    #[serde(skip, default = "five")]
    pub(crate) lost: u32,
    pub(crate) price: Option<u32>,
    pub(crate) stock: u64,
}
content!(struct T208 { lost [to_five], price, stock });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T209 {
    Betting {
        tags: Option<i8>,
        bundle: i16,
    },
    Gift((String, Option<u64>), f64),
    Fields {
        #[serde(skip)]
        lost: u8,
        price: Option<char>,
    },
}
content!(enum T209 3 {
    0 Betting { tags: a0 b0, bundle: a1 b1 }
    1 Gift { 0: a0 b0, 1: a1 b1 }
    2 Fields { lost: a0 b0 [to_default], price: a1 b1 }
});

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T210 {
    pub(crate) bundle: String,
    pub(crate) parts: BTreeMap<String, String>,
    #[serde(skip, default = "five")]
    pub(crate) lost: u32,
}
content!(struct T210 { bundle, parts, lost [to_five] });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T211 {
    #[serde(skip)]
    pub(crate) lost: i8,
    pub(crate) stock: Box<u8>,
    pub(crate) rate: i8,
}
content!(struct T211 { lost [to_default], stock, rate });

// `skip`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T212 {
    pub(crate) weight: BTreeMap<String, BTreeMap<String, u8>>,
    pub(crate) origin: HashMap<String, BTreeMap<String, i8>>,
    #[serde(skip, default = "five")]
    pub(crate) lost: u32,
}
content!(struct T212 { weight, origin, lost [to_five] });

// `skip_serializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T213 {
    #[serde(skip_serializing)]
    #[serde(default)]
    pub(crate) lost: u32,
    pub(crate) state: i64,
}
content!(struct T213 { lost [to_default], state });

// `skip_serializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T214 {
    pub(crate) name: u8,
    #[serde(skip_serializing)]
    #[serde(default)]
    pub(crate) lost: u32,
}
content!(struct T214 { name, lost [to_default] });

// `skip_serializing`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T215 {
    #[serde(skip_serializing)]
    pub(crate) lost: u32,
    pub(crate) stock: String,
    pub(crate) rate: Box<Box<i8>>,
}
content!(struct T215 { lost [to_default], stock, rate });
