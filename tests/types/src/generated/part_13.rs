//! Generated types, part 13: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T208>("T208", "`skip`");
    judge.values_of::<T209>("T209", "`skip`");
    judge.values_of::<T210>("T210", "`skip`");
    judge.values_of::<T211>("T211", "`skip`");
    judge.values_of::<T212>("T212", "`skip`");
    judge.values_of::<T213>("T213", "`skip_serializing`");
    judge.values_of::<T214>("T214", "`skip_serializing`");
    judge.values_of::<T215>("T215", "`skip_serializing`");
    judge.values_of::<T216>("T216", "`skip_serializing`");
    judge.values_of::<T217>("T217", "`skip_serializing`");
    judge.values_of::<T218>("T218", "`skip_serializing`");
    judge.values_of::<T219>("T219", "`skip_deserializing`");
    judge.values_of::<T220>("T220", "`skip_deserializing`");
    judge.values_of::<T221>("T221", "`skip_deserializing`");
    judge.values_of::<T222>("T222", "`skip_deserializing`");
    judge.values_of::<T223>("T223", "`skip_deserializing`");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T208 {
    #[serde(skip, default = "five")]
    pub(crate) lost: u32,
    pub(crate) price: Option<u32>,
    pub(crate) stock: u64,
}
content!(struct T208 { lost [to_five], price, stock });

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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T210 {
    pub(crate) bundle: String,
    pub(crate) parts: BTreeMap<String, String>,
    #[serde(skip, default = "five")]
    pub(crate) lost: u32,
}
content!(struct T210 { bundle, parts, lost [to_five] });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T211 {
    #[serde(skip)]
    pub(crate) lost: i8,
    pub(crate) stock: Box<u8>,
    pub(crate) rate: i8,
}
content!(struct T211 { lost [to_default], stock, rate });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T212 {
    pub(crate) weight: BTreeMap<String, BTreeMap<String, u8>>,
    pub(crate) origin: HashMap<String, BTreeMap<String, i8>>,
    #[serde(skip, default = "five")]
    pub(crate) lost: u32,
}
content!(struct T212 { weight, origin, lost [to_five] });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T213 {
    #[serde(skip_serializing)]
    #[serde(default)]
    pub(crate) lost: u32,
    pub(crate) state: i64,
}
content!(struct T213 { lost [to_default], state });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T214 {
    pub(crate) name: u8,
    #[serde(skip_serializing)]
    #[serde(default)]
    pub(crate) lost: u32,
}
content!(struct T214 { name, lost [to_default] });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T215 {
    #[serde(skip_serializing)]
    pub(crate) lost: u32,
    pub(crate) stock: String,
    pub(crate) rate: Box<Box<i8>>,
}
content!(struct T215 { lost [to_default], stock, rate });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T216 {
    pub(crate) origin: [[i8; 3]; 3],
    #[serde(skip_serializing)]
    #[serde(default)]
    pub(crate) lost: u32,
    pub(crate) expires: char,
}
content!(struct T216 { origin, lost [to_default], expires });

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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T218 {
    #[serde(skip_serializing)]
    pub(crate) lost: u32,
    pub(crate) state: bool,
    pub(crate) limit: f64,
    pub(crate) price: u16,
}
content!(struct T218 { lost [to_default], state, limit, price });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T219 {
    #[serde(skip_deserializing)]
    pub(crate) lost: (u8, u64),
    pub(crate) parts: u16,
}
content!(struct T219 { lost [to_default], parts });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T220 {
    #[serde(skip_deserializing)]
    pub(crate) lost: char,
    pub(crate) origin: u32,
}
content!(struct T220 { lost [to_default], origin });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T221 {
    pub(crate) price: i32,
    pub(crate) stock: i32,
    #[serde(skip_deserializing)]
    pub(crate) lost: Option<i32>,
}
content!(struct T221 { price, stock, lost [to_default] });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T222 {
    pub(crate) bundle: Box<i16>,
    pub(crate) parts: i32,
    pub(crate) weight: f64,
    #[serde(skip_deserializing)]
    pub(crate) lost: (u8, u64),
}
content!(struct T222 { bundle, parts, weight, lost [to_default] });

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
