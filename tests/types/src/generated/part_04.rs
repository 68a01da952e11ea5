//! Generated types, part 4: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T064>("T064", "`tag` (internally tagged)");
    judge.values_of::<T065>("T065", "`tag` (internally tagged)");
    judge.values_of::<T066>("T066", "`tag` (internally tagged)");
    judge.values_of::<T067>("T067", "`tag` (internally tagged)");
    judge.values_of::<T068>("T068", "`tag` (internally tagged)");
    judge.values_of::<T069>("T069", "`tag` (internally tagged)");
    judge.values_of::<T070>("T070", "`tag` (internally tagged)");
    judge.values_of::<T071>("T071", "`tag` (internally tagged)");
    judge.values_of::<T072>("T072", "`tag` on a struct");
    judge.values_of::<T073>("T073", "`tag` on a struct");
    judge.values_of::<T074>("T074", "`tag` on a struct");
    judge.values_of::<T075>("T075", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T076>("T076", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T077>("T077", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T078>("T078", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T079>("T079", "`tag` and `content` (adjacently tagged)");
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T064 {
    Refund {
        rate: Vec<Option<bool>>,
        code: Box<bool>,
        tags: BTreeMap<String, (bool, f64)>,
    },
    Rent {
        tags: [f64; 3],
        bundle: String,
        parts: f64,
    },
    Power {
        stock: i32,
        rate: i32,
    },
}
content!(enum T064 3 {
    0 Refund { rate: a0 b0, code: a1 b1, tags: a2 b2 }
    1 Rent { tags: a0 b0, bundle: a1 b1, parts: a2 b2 }
    2 Power { stock: a0 b0, rate: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T065 {
    Betting,
    Gift {
        owner: char,
        name: u32,
    },
    Airtime(BTreeMap<String, u32>),
}
content!(enum T065 3 {
    0 Betting {}
    1 Gift { owner: a0 b0, name: a1 b1 }
    2 Airtime { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T066 {
    Data {
        name: (bool, String),
        state: String,
    },
    Betting {
        rate: bool,
        code: String,
    },
    Gift(BTreeMap<String, u32>),
}
content!(enum T066 3 {
    0 Data { name: a0 b0, state: a1 b1 }
    1 Betting { rate: a0 b0, code: a1 b1 }
    2 Gift { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T067 {
    Exam,
    Toll,
    Data {
        rate: (f64, Option<i8>),
        code: i16,
    },
}
content!(enum T067 3 {
    0 Exam {}
    1 Toll {}
    2 Data { rate: a0 b0, code: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T068 {
    Data(BTreeMap<String, u32>),
    Betting,
    Gift {
        weight: bool,
    },
}
content!(enum T068 3 {
    0 Data { 0: a0 b0 }
    1 Betting {}
    2 Gift { weight: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T069 {
    Betting(BTreeMap<String, u32>),
    Gift(BTreeMap<String, u32>),
    Airtime,
}
content!(enum T069 3 {
    0 Betting { 0: a0 b0 }
    1 Gift { 0: a0 b0 }
    2 Airtime {}
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T070 {
    Exam {
        limit: i8,
        price: i8,
        stock: i32,
    },
    Toll(BTreeMap<String, u32>),
    Data(BTreeMap<String, u32>),
}
content!(enum T070 3 {
    0 Exam { limit: a0 b0, price: a1 b1, stock: a2 b2 }
    1 Toll { 0: a0 b0 }
    2 Data { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T071 {
    Gift(BTreeMap<String, u32>),
    Airtime {
        parts: u16,
        weight: i64,
        origin: HashMap<String, i8>,
    },
    Cable,
}
content!(enum T071 3 {
    0 Gift { 0: a0 b0 }
    1 Airtime { parts: a0 b0, weight: a1 b1, origin: a2 b2 }
    2 Cable {}
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) struct T072 {
    pub(crate) price: String,
    pub(crate) stock: u16,
}
content!(struct T072 { price, stock });

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) struct T073 {
    pub(crate) expires: [u16; 3],
    pub(crate) level: i16,
    pub(crate) notes: bool,
}
content!(struct T073 { expires, level, notes });

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) struct T074 {
    pub(crate) weight: Box<i16>,
    pub(crate) origin: i32,
}
content!(struct T074 { weight, origin });

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[serde(content = "of")]
pub(crate) enum T075 {
    Rent(u32, u32),
    Power(u64, Vec<(char, i8)>, char),
    Exam {
        rate: bool,
        code: HashMap<String, u16>,
    },
    Toll {
        owner: f64,
    },
}
content!(enum T075 4 {
    0 Rent { 0: a0 b0, 1: a1 b1 }
    1 Power { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    2 Exam { rate: a0 b0, code: a1 b1 }
    3 Toll { owner: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[serde(content = "of")]
pub(crate) enum T076 {
    Betting {
        name: f64,
        state: [u8; 3],
        limit: u8,
    },
    Gift(Box<String>, (HashMap<String, bool>, u32)),
    Airtime(Box<bool>, HashMap<String, u32>),
    Cable {
        parts: i16,
    },
}
content!(enum T076 4 {
    0 Betting { name: a0 b0, state: a1 b1, limit: a2 b2 }
    1 Gift { 0: a0 b0, 1: a1 b1 }
    2 Airtime { 0: a0 b0, 1: a1 b1 }
    3 Cable { parts: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[serde(content = "of")]
pub(crate) enum T077 {
    Betting(Option<u32>),
    Gift {
        state: u8,
    },
    Airtime {
        origin: Option<u32>,
        expires: Vec<[u32; 3]>,
        level: u32,
    },
    Cable(bool),
}
content!(enum T077 4 {
    0 Betting { 0: a0 b0 }
    1 Gift { state: a0 b0 }
    2 Airtime { origin: a0 b0, expires: a1 b1, level: a2 b2 }
    3 Cable { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[serde(content = "of")]
pub(crate) enum T078 {
    Exam,
    Toll(i8, Box<i16>, String),
    Data {
        expires: i16,
        level: Vec<Box<u16>>,
        notes: (String, char),
    },
    Betting(i32, BTreeMap<String, Box<f64>>, char),
}
content!(enum T078 4 {
    0 Exam {}
    1 Toll { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    2 Data { expires: a0 b0, level: a1 b1, notes: a2 b2 }
    3 Betting { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[serde(content = "of")]
pub(crate) enum T079 {
    Refund([HashMap<String, char>; 3], [BTreeMap<String, i64>; 3]),
    Rent {
        tags: Box<Box<String>>,
    },
    Power([u16; 3], Option<u8>),
    Exam(u64, Box<i32>, HashMap<String, Vec<i32>>),
}
content!(enum T079 4 {
    0 Refund { 0: a0 b0, 1: a1 b1 }
    1 Rent { tags: a0 b0 }
    2 Power { 0: a0 b0, 1: a1 b1 }
    3 Exam { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
});
