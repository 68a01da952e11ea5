//! Generated types, part 14: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T224>("T224", "`skip_deserializing`");
    judge.values_of::<T225>("T225", "`skip_serializing_if` with a default");
    judge.values_of::<T226>("T226", "`skip_serializing_if` with a default");
    judge.values_of::<T227>("T227", "`skip_serializing_if` with a default");
    judge.values_of::<T228>("T228", "`skip_serializing_if` with a default");
    judge.values_of::<T229>("T229", "`skip_serializing_if` with a default");
    judge.values_of::<T230>("T230", "`skip_serializing_if` with a default");
    judge.values_of::<T231>("T231", "`skip_serializing_if` with a default");
    judge.values_of::<T232>("T232", "`skip_serializing_if` with a default");
    judge.values_of::<T233>("T233", "`skip_serializing_if` with a default");
    judge.values_of::<T234>("T234", "`skip_serializing_if` with a default");
    judge.values_of::<T235>("T235", "`skip_serializing_if` without the right default");
    judge.values_of::<T236>("T236", "`skip_serializing_if` without the right default");
    judge.values_of::<T237>("T237", "`skip_serializing_if` without the right default");
    judge.values_of::<T238>("T238", "`skip_serializing_if` without the right default");
    judge.values_of::<T239>("T239", "`skip_serializing_if` without the right default");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T224 {
    #[serde(skip_deserializing)]
    pub(crate) lost: Option<i16>,
    pub(crate) name: i32,
}
content!(struct T224 { lost [to_default], name });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T225 {
    pub(crate) rate: i32,
    pub(crate) code: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) coupon: Option<u32>,
}
content!(struct T225 { rate, code, coupon });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T226 {
    pub(crate) state: String,
    pub(crate) limit: HashMap<String, Option<String>>,
    pub(crate) price: u64,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) coupon: Vec<u8>,
}
content!(struct T226 { state, limit, price, coupon });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T227 {
    pub(crate) weight: u16,
    #[serde(skip_serializing_if = "is_five", default = "five")]
    pub(crate) coupon: u32,
}
content!(struct T227 { weight, coupon });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T228 {
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) coupon: BTreeMap<String, u8>,
    pub(crate) tags: u32,
}
content!(struct T228 { coupon, tags });

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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T230 {
    pub(crate) state: u8,
    pub(crate) limit: BTreeMap<String, Vec<i64>>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) coupon: Vec<u8>,
    pub(crate) price: char,
}
content!(struct T230 { state, limit, coupon, price });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T231 {
    pub(crate) notes: f64,
    #[serde(skip_serializing_if = "is_five", default = "five")]
    pub(crate) coupon: u32,
}
content!(struct T231 { notes, coupon });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T232 {
    pub(crate) name: i8,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) coupon: BTreeMap<String, u8>,
    pub(crate) state: u8,
    pub(crate) limit: i64,
}
content!(struct T232 { name, coupon, state, limit });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T233 {
    pub(crate) origin: f64,
    pub(crate) expires: i64,
    pub(crate) level: f64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) coupon: Option<u32>,
}
content!(struct T233 { origin, expires, level, coupon });

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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T235 {
    pub(crate) stock: i32,
    pub(crate) rate: u64,
    #[serde(skip_serializing_if = "is_five")]
    pub(crate) coupon: u32,
    pub(crate) code: i8,
}
content!(struct T235 { stock, rate, coupon, code });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T236 {
    pub(crate) origin: u8,
    pub(crate) expires: (bool, f64),
    #[serde(skip_serializing_if = "is_five", default)]
    pub(crate) coupon: u32,
    pub(crate) level: Option<u8>,
}
content!(struct T236 { origin, expires, coupon, level });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T237 {
    pub(crate) notes: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) coupon: String,
}
content!(struct T237 { notes, coupon });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T238 {
    #[serde(skip_serializing_if = "is_five")]
    pub(crate) coupon: u32,
    pub(crate) notes: HashMap<String, u64>,
    pub(crate) owner: i8,
    pub(crate) name: String,
}
content!(struct T238 { coupon, notes, owner, name });

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
