//! Generated types, part 11: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// `flatten` of an enum
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T264 {
    pub(crate) limit: i16,
    pub(crate) price: Vec<Option<i64>>,
    pub(crate) stock: f64,
    #[serde(flatten)]
    pub(crate) inner: Choice,
}
content!(struct T264 { limit, price, stock, inner });

// `flatten` of an enum
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T265 {
    pub(crate) rate: bool,
    pub(crate) code: String,
    #[serde(flatten)]
    pub(crate) inner: Tagged,
}
content!(struct T265 { rate, code, inner });

// `flatten` of an enum
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T266 {
    Toll {
        parts: [Vec<i32>; 3],
        weight: HashMap<String, i16>,
        origin: i64,
    },
    Data,
    Fields {
        rate: String,
        code: u16,
        #[serde(flatten)]
        inner: Tagged,
    },
}
content!(enum T266 3 {
    0 Toll { parts: a0 b0, weight: a1 b1, origin: a2 b2 }
    1 Data {}
    2 Fields { rate: a0 b0, code: a1 b1, inner: a2 b2 }
});

// `flatten` of an enum
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T267 {
    pub(crate) bundle: i32,
    pub(crate) parts: BTreeMap<String, f64>,
    pub(crate) weight: bool,
    #[serde(flatten)]
    pub(crate) inner: Choice,
}
content!(struct T267 { bundle, parts, weight, inner });

// `flatten` of an enum
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T268 {
    pub(crate) stock: f64,
    pub(crate) rate: String,
    #[serde(flatten)]
    pub(crate) inner: Tagged,
}
content!(struct T268 { stock, rate, inner });

// `with`, `serialize_with`, `deserialize_with`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T269 {
    #[serde(with = "as_text")]
    pub(crate) changed: u32,
    pub(crate) state: u32,
}
content!(struct T269 { changed, state });

// `with`, `serialize_with`, `deserialize_with`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T270 {
    #[serde(serialize_with = "as_text::serialize", deserialize_with = "as_text::deserialize")]
    pub(crate) changed: u32,
    pub(crate) state: i16,
}
content!(struct T270 { changed, state });

// `with`, `serialize_with`, `deserialize_with`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T271 {
    #[serde(with = "as_bytes")]
    pub(crate) changed: Vec<u8>,
    pub(crate) price: i64,
    pub(crate) stock: i32,
}
content!(struct T271 { changed, price, stock });

// `with`, `serialize_with`, `deserialize_with`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T272 {
    pub(crate) name: bool,
    #[serde(with = "as_either")]
    pub(crate) changed: Option<u32>,
    pub(crate) state: i8,
}
content!(struct T272 { name, changed, state });

// `with`, `serialize_with`, `deserialize_with`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T273 {
    Airtime {
        bundle: i64,
        parts: char,
        weight: u64,
        origin: HashMap<String, bool>,
    },
    Cable {
        weight: u8,
        origin: Box<u16>,
        expires: Option<i16>,
    },
    Fields {
        parts: Option<Box<i16>>,
        #[serde(with = "as_text")]
        changed: u32,
    },
}
content!(enum T273 3 {
    0 Airtime { bundle: a0 b0, parts: a1 b1, weight: a2 b2, origin: a3 b3 }
    1 Cable { weight: a0 b0, origin: a1 b1, expires: a2 b2 }
    2 Fields { parts: a0 b0, changed: a1 b1 }
});

// `with`, `serialize_with`, `deserialize_with`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T274 {
    pub(crate) owner: f64,
    pub(crate) name: String,
    #[serde(serialize_with = "as_text::serialize", deserialize_with = "as_text::deserialize")]
    pub(crate) changed: u32,
    pub(crate) state: char,
}
content!(struct T274 { owner, name, changed, state });

// `with`, `serialize_with`, `deserialize_with`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T275 {
    pub(crate) notes: char,
    #[serde(with = "as_bytes")]
    pub(crate) changed: Vec<u8>,
    pub(crate) owner: u32,
}
content!(struct T275 { notes, changed, owner });

// `with`, `serialize_with`, `deserialize_with`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T276 {
    pub(crate) stock: i16,
    #[serde(with = "as_either")]
    pub(crate) changed: Option<u32>,
}
content!(struct T276 { stock, changed });

// `with` that loses
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T277 {
    pub(crate) bundle: char,
    pub(crate) parts: BTreeMap<String, [String; 3]>,
    #[serde(with = "whole_seconds")]
    pub(crate) lossy: Duration,
}
content!(struct T277 { bundle, parts, lossy [to_seconds] });

// `with` that loses
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T278 {
    #[serde(with = "lowercase")]
    pub(crate) lossy: String,
    pub(crate) tags: bool,
    pub(crate) bundle: i8,
    pub(crate) parts: char,
}
content!(struct T278 { lossy [to_lowercase], tags, bundle, parts });

// `with` that loses
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T279 {
    pub(crate) stock: Box<i8>,
    pub(crate) rate: i64,
    pub(crate) code: Option<f64>,
    #[serde(with = "single")]
    pub(crate) lossy: f64,
}
content!(struct T279 { stock, rate, code, lossy [to_single] });

// `with` that loses
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T280 {
    pub(crate) state: Vec<BTreeMap<String, i64>>,
    #[serde(with = "whole_seconds")]
    pub(crate) lossy: Duration,
    pub(crate) limit: i16,
}
content!(struct T280 { state, lossy [to_seconds], limit });

// `with` that loses
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T281 {
    Cable,
    Refund(u16, u32, u32),
    Fields {
        tags: String,
        bundle: u64,
        parts: BTreeMap<String, Option<i8>>,
        #[serde(with = "lowercase")]
        lossy: String,
    },
}
content!(enum T281 3 {
    0 Cable {}
    1 Refund { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    2 Fields { tags: a0 b0, bundle: a1 b1, parts: a2 b2, lossy: a3 b3 [to_lowercase] }
});

// `with` that loses
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T282 {
    pub(crate) stock: char,
    #[serde(with = "single")]
    pub(crate) lossy: f64,
    pub(crate) rate: String,
}
content!(struct T282 { stock, lossy [to_single], rate });

// `serialize_with` alone
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T283 {
    pub(crate) origin: i32,
    #[serde(serialize_with = "as_text::serialize")]
    pub(crate) changed: u32,
    pub(crate) expires: i64,
}
content!(struct T283 { origin, changed, expires });

// `serialize_with` alone
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T284 {
    pub(crate) price: f64,
    #[serde(serialize_with = "as_text::serialize")]
    pub(crate) changed: u32,
    pub(crate) stock: Box<HashMap<String, u16>>,
}
content!(struct T284 { price, changed, stock });

// `serialize_with` alone
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T285 {
    pub(crate) expires: u8,
    #[serde(serialize_with = "as_text::serialize")]
    pub(crate) changed: u32,
}
content!(struct T285 { expires, changed });

// `from`, `try_from`, `into`
#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(from = "Wire")]
pub(crate) struct T286 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T286 { number, text });
wire!(surely T286);

// `from`, `try_from`, `into`
#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(try_from = "Wire")]
pub(crate) struct T287 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T287 { number, text });
wire!(perhaps T287);
