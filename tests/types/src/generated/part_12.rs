//! Generated types, part 12: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T192>("T192", "`alias`");
    judge.values_of::<T193>("T193", "`alias`");
    judge.values_of::<T194>("T194", "`alias`");
    judge.values_of::<T195>("T195", "`alias`");
    judge.values_of::<T196>("T196", "`alias`");
    judge.values_of::<T197>("T197", "`default`, `default = \"…\"`");
    judge.values_of::<T198>("T198", "`default`, `default = \"…\"`");
    judge.values_of::<T199>("T199", "`default`, `default = \"…\"`");
    judge.values_of::<T200>("T200", "`default`, `default = \"…\"`");
    judge.values_of::<T201>("T201", "`default`, `default = \"…\"`");
    judge.values_of::<T202>("T202", "`default`, `default = \"…\"`");
    judge.values_of::<T203>("T203", "`default`, `default = \"…\"`");
    judge.values_of::<T204>("T204", "`default`, `default = \"…\"`");
    judge.values_of::<T205>("T205", "`skip`");
    judge.values_of::<T206>("T206", "`skip`");
    judge.values_of::<T207>("T207", "`skip`");
}

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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T197 {
    pub(crate) limit: i8,
    pub(crate) price: Option<bool>,
    #[serde(default = "five")]
    pub(crate) given: u32,
}
content!(struct T197 { limit, price, given });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T198 {
    pub(crate) tags: HashMap<String, u64>,
    pub(crate) bundle: i64,
    #[serde(default)]
    pub(crate) given: Vec<u8>,
}
content!(struct T198 { tags, bundle, given });

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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T200 {
    pub(crate) code: String,
    pub(crate) tags: i64,
    #[serde(default = "five")]
    pub(crate) given: u32,
}
content!(struct T200 { code, tags, given });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T201 {
    pub(crate) bundle: i8,
    pub(crate) parts: String,
    pub(crate) weight: String,
    #[serde(default)]
    pub(crate) given: Vec<u8>,
}
content!(struct T201 { bundle, parts, weight, given });

#[derive(Debug, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct T202 {
    pub(crate) rate: i16,
    pub(crate) code: i32,
    pub(crate) tags: char,
    pub(crate) given: Option<u8>,
}
content!(struct T202 { rate, code, tags, given });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T203 {
    pub(crate) parts: f64,
    pub(crate) weight: String,
    pub(crate) origin: i64,
    #[serde(default = "five")]
    pub(crate) given: u32,
}
content!(struct T203 { parts, weight, origin, given });

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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T205 {
    pub(crate) price: Box<String>,
    pub(crate) stock: HashMap<String, Vec<char>>,
    #[serde(skip)]
    pub(crate) lost: String,
}
content!(struct T205 { price, stock, lost [to_default] });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T206 {
    pub(crate) stock: u16,
    #[serde(skip, default = "five")]
    pub(crate) lost: u32,
    pub(crate) rate: u8,
}
content!(struct T206 { stock, lost [to_five], rate });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T207 {
    pub(crate) name: HashMap<String, (f64, i64)>,
    pub(crate) state: u64,
    #[serde(skip)]
    pub(crate) lost: f64,
}
content!(struct T207 { name, state, lost [to_default] });
