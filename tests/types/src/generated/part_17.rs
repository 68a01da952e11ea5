//! Generated types, part 17: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T272>("T272", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T273>("T273", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T274>("T274", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T275>("T275", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T276>("T276", "`with`, `serialize_with`, `deserialize_with`");
    judge.values_of::<T277>("T277", "`with` that loses");
    judge.values_of::<T278>("T278", "`with` that loses");
    judge.values_of::<T279>("T279", "`with` that loses");
    judge.values_of::<T280>("T280", "`with` that loses");
    judge.values_of::<T281>("T281", "`with` that loses");
    judge.values_of::<T282>("T282", "`with` that loses");
    judge.values_of::<T283>("T283", "`serialize_with` alone");
    judge.values_of::<T284>("T284", "`serialize_with` alone");
    judge.values_of::<T285>("T285", "`serialize_with` alone");
    judge.values_of::<T286>("T286", "`from`, `try_from`, `into`");
    judge.values_of::<T287>("T287", "`from`, `try_from`, `into`");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T272 {
    pub(crate) bundle: char,
    pub(crate) parts: BTreeMap<String, [String; 3]>,
    #[serde(with = "as_either")]
    pub(crate) changed: Option<u32>,
}
content!(struct T272 { bundle, parts, changed });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T273 {
    Rent {
        owner: i64,
        name: Option<i8>,
        state: String,
        limit: u64,
    },
    Power {
        state: i8,
        limit: i16,
        price: String,
    },
    Fields {
        #[serde(with = "as_text")]
        changed: u32,
        tags: bool,
        bundle: i8,
        parts: char,
    },
}
content!(enum T273 3 {
    0 Rent { owner: a0 b0, name: a1 b1, state: a2 b2, limit: a3 b3 }
    1 Power { state: a0 b0, limit: a1 b1, price: a2 b2 }
    2 Fields { changed: a0 b0, tags: a1 b1, bundle: a2 b2, parts: a3 b3 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T274 {
    pub(crate) tags: String,
    pub(crate) bundle: u64,
    pub(crate) parts: BTreeMap<String, Option<i8>>,
    #[serde(serialize_with = "as_text::serialize", deserialize_with = "as_text::deserialize")]
    pub(crate) changed: u32,
}
content!(struct T274 { tags, bundle, parts, changed });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T275 {
    #[serde(with = "as_bytes")]
    pub(crate) changed: Vec<u8>,
    pub(crate) notes: Vec<i8>,
}
content!(struct T275 { changed, notes });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T276 {
    pub(crate) parts: u32,
    pub(crate) weight: u16,
    #[serde(with = "as_either")]
    pub(crate) changed: Option<u32>,
}
content!(struct T276 { parts, weight, changed });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T277 {
    #[serde(with = "whole_seconds")]
    pub(crate) lossy: Duration,
    pub(crate) rate: char,
}
content!(struct T277 { lossy [to_seconds], rate });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T278 {
    pub(crate) level: i64,
    #[serde(with = "lowercase")]
    pub(crate) lossy: String,
    pub(crate) notes: char,
    pub(crate) owner: Vec<u8>,
}
content!(struct T278 { level, lossy [to_lowercase], notes, owner });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T279 {
    pub(crate) expires: i64,
    #[serde(with = "single")]
    pub(crate) lossy: f64,
}
content!(struct T279 { expires, lossy [to_single] });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T280 {
    pub(crate) expires: u8,
    #[serde(with = "whole_seconds")]
    pub(crate) lossy: Duration,
}
content!(struct T280 { expires, lossy [to_seconds] });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T281 {
    Betting {
        parts: String,
        weight: [u8; 3],
        origin: i64,
    },
    Gift(char),
    Fields {
        parts: bool,
        #[serde(with = "lowercase")]
        lossy: String,
        weight: u16,
    },
}
content!(enum T281 3 {
    0 Betting { parts: a0 b0, weight: a1 b1, origin: a2 b2 }
    1 Gift { 0: a0 b0 }
    2 Fields { parts: a0 b0, lossy: a1 b1 [to_lowercase], weight: a2 b2 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T282 {
    pub(crate) notes: i32,
    #[serde(with = "single")]
    pub(crate) lossy: f64,
}
content!(struct T282 { notes, lossy [to_single] });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T283 {
    pub(crate) tags: String,
    pub(crate) bundle: String,
    #[serde(serialize_with = "as_text::serialize")]
    pub(crate) changed: u32,
}
content!(struct T283 { tags, bundle, changed });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T284 {
    pub(crate) origin: i16,
    pub(crate) expires: u8,
    pub(crate) level: f64,
    #[serde(serialize_with = "as_text::serialize")]
    pub(crate) changed: u32,
}
content!(struct T284 { origin, expires, level, changed });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T285 {
    #[serde(serialize_with = "as_text::serialize")]
    pub(crate) changed: u32,
    pub(crate) weight: Option<u16>,
}
content!(struct T285 { changed, weight });

#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(from = "Wire")]
pub(crate) struct T286 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T286 { number, text });
wire!(surely T286);

#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(try_from = "Wire")]
pub(crate) struct T287 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T287 { number, text });
wire!(perhaps T287);
