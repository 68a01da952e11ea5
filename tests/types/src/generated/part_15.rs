//! Generated types, part 15: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T240>("T240", "`skip_serializing_if` without the right default");
    judge.values_of::<T241>("T241", "`flatten` of a struct");
    judge.values_of::<T242>("T242", "`flatten` of a struct");
    judge.values_of::<T243>("T243", "`flatten` of a struct");
    judge.values_of::<T244>("T244", "`flatten` of a struct");
    judge.values_of::<T245>("T245", "`flatten` of a struct");
    judge.values_of::<T246>("T246", "`flatten` of a struct");
    judge.values_of::<T247>("T247", "`flatten` of a struct");
    judge.values_of::<T248>("T248", "`flatten` of a struct");
    judge.values_of::<T249>("T249", "`flatten` of a map");
    judge.values_of::<T250>("T250", "`flatten` of a map");
    judge.values_of::<T251>("T251", "`flatten` of a map");
    judge.values_of::<T252>("T252", "`flatten` of a map");
    judge.values_of::<T253>("T253", "`flatten` of a map");
    judge.values_of::<T254>("T254", "`flatten` of a map");
    judge.values_of::<T255>("T255", "`flatten` of a map");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T240 {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) coupon: String,
    pub(crate) code: Option<char>,
}
content!(struct T240 { coupon, code });

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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T242 {
    pub(crate) origin: String,
    pub(crate) expires: Box<u16>,
    pub(crate) level: bool,
    #[serde(flatten)]
    pub(crate) inner: Inner,
}
content!(struct T242 { origin, expires, level, inner });

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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T246 {
    pub(crate) bundle: BTreeMap<String, Vec<u8>>,
    #[serde(flatten)]
    pub(crate) inner: Inner,
}
content!(struct T246 { bundle, inner });

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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T249 {
    pub(crate) state: char,
    pub(crate) limit: u16,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, HashMap<String, u32>>,
}
content!(struct T249 { state, limit, rest });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T250 {
    pub(crate) code: u8,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, [String; 3]>,
}
content!(struct T250 { code, rest });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T251 {
    pub(crate) stock: i32,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, u32>,
}
content!(struct T251 { stock, rest });

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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T253 {
    pub(crate) tags: Box<Option<String>>,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, Vec<u32>>,
}
content!(struct T253 { tags, rest });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T254 {
    pub(crate) bundle: BTreeMap<String, u32>,
    pub(crate) parts: char,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, String>,
}
content!(struct T254 { bundle, parts, rest });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T255 {
    pub(crate) rate: u32,
    pub(crate) code: char,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, Option<char>>,
}
content!(struct T255 { rate, code, rest });
