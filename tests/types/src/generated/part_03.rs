//! Generated types, part 3: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T048>("T048", "enum");
    judge.values_of::<T049>("T049", "enum");
    judge.values_of::<T050>("T050", "enum");
    judge.values_of::<T051>("T051", "enum");
    judge.values_of::<T052>("T052", "enum");
    judge.values_of::<T053>("T053", "enum");
    judge.values_of::<T054>("T054", "enum");
    judge.values_of::<T055>("T055", "enum");
    judge.values_of::<T056>("T056", "enum");
    judge.values_of::<T057>("T057", "enum");
    judge.values_of::<T058>("T058", "enum");
    judge.values_of::<T059>("T059", "enum");
    judge.values_of::<T060>("T060", "enum");
    judge.values_of::<T061>("T061", "enum");
    judge.values_of::<T062>("T062", "`tag` (internally tagged)");
    judge.values_of::<T063>("T063", "`tag` (internally tagged)");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T048 {
    Refund {
        bundle: i8,
        parts: BTreeMap<String, u32>,
        weight: i16,
    },
}
content!(enum T048 1 {
    0 Refund { bundle: a0 b0, parts: a1 b1, weight: a2 b2 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T049 {
    Toll,
    Data(BTreeMap<String, Vec<i8>>, i64),
}
content!(enum T049 2 {
    0 Toll {}
    1 Data { 0: a0 b0, 1: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T050 {
    Refund(i16),
    Rent {
        stock: Option<String>,
    },
    Power(HashMap<String, u64>),
}
content!(enum T050 3 {
    0 Refund { 0: a0 b0 }
    1 Rent { stock: a0 b0 }
    2 Power { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T051 {
    Refund {
        expires: u32,
        level: u64,
        notes: u16,
        owner: u64,
    },
    Rent(BTreeMap<String, [i64; 3]>, f64),
    Power((bool, String)),
    Exam {
        bundle: i16,
        parts: HashMap<String, char>,
        weight: bool,
    },
}
content!(enum T051 4 {
    0 Refund { expires: a0 b0, level: a1 b1, notes: a2 b2, owner: a3 b3 }
    1 Rent { 0: a0 b0, 1: a1 b1 }
    2 Power { 0: a0 b0 }
    3 Exam { bundle: a0 b0, parts: a1 b1, weight: a2 b2 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T052 {
    Cable {
        rate: Box<HashMap<String, i32>>,
        code: String,
        tags: String,
    },
    Refund {
        stock: u16,
        rate: (BTreeMap<String, i8>, char),
        code: bool,
    },
    Rent(i64, HashMap<String, i64>),
    Power {
        price: char,
    },
    Exam,
}
content!(enum T052 5 {
    0 Cable { rate: a0 b0, code: a1 b1, tags: a2 b2 }
    1 Refund { stock: a0 b0, rate: a1 b1, code: a2 b2 }
    2 Rent { 0: a0 b0, 1: a1 b1 }
    3 Power { price: a0 b0 }
    4 Exam {}
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T053 {
    Toll {
        tags: Box<i64>,
        bundle: Vec<u8>,
        parts: String,
        weight: i32,
    },
    Data,
    Betting {
        level: f64,
        notes: Vec<HashMap<String, i64>>,
    },
    Gift([Option<f64>; 3], u32),
    Airtime((f64, f64), HashMap<String, f64>, Box<i64>),
    Cable,
}
content!(enum T053 6 {
    0 Toll { tags: a0 b0, bundle: a1 b1, parts: a2 b2, weight: a3 b3 }
    1 Data {}
    2 Betting { level: a0 b0, notes: a1 b1 }
    3 Gift { 0: a0 b0, 1: a1 b1 }
    4 Airtime { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    5 Cable {}
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T054 {
    Cable(Box<u64>, u32, u16),
    Refund {
        rate: [u8; 3],
    },
    Rent(bool),
    Power((Vec<char>, f64)),
    Exam {
        weight: char,
        origin: i16,
        expires: f64,
    },
    Toll {
        parts: char,
        weight: i8,
    },
    Data {
        name: (char, f64),
        state: Box<u64>,
    },
}
content!(enum T054 7 {
    0 Cable { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Refund { rate: a0 b0 }
    2 Rent { 0: a0 b0 }
    3 Power { 0: a0 b0 }
    4 Exam { weight: a0 b0, origin: a1 b1, expires: a2 b2 }
    5 Toll { parts: a0 b0, weight: a1 b1 }
    6 Data { name: a0 b0, state: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T055 {
    Gift(i64),
}
content!(enum T055 1 {
    0 Gift { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T056 {
    Toll {
        level: Vec<bool>,
    },
    Data(bool, i16),
}
content!(enum T056 2 {
    0 Toll { level: a0 b0 }
    1 Data { 0: a0 b0, 1: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T057 {
    Cable {
        origin: [f64; 3],
        expires: (u64, Box<i32>),
    },
    Refund(u16),
    Rent(i16, bool, i64),
}
content!(enum T057 3 {
    0 Cable { origin: a0 b0, expires: a1 b1 }
    1 Refund { 0: a0 b0 }
    2 Rent { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T058 {
    Toll {
        parts: BTreeMap<String, (u16, String)>,
        weight: String,
        origin: bool,
    },
    Data {
        price: i8,
        stock: (Vec<u64>, char),
    },
    Betting,
    Gift {
        parts: i16,
        weight: i16,
        origin: ([String; 3], u64),
        expires: u8,
    },
}
content!(enum T058 4 {
    0 Toll { parts: a0 b0, weight: a1 b1, origin: a2 b2 }
    1 Data { price: a0 b0, stock: a1 b1 }
    2 Betting {}
    3 Gift { parts: a0 b0, weight: a1 b1, origin: a2 b2, expires: a3 b3 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T059 {
    Gift {
        origin: String,
    },
    Airtime(i64, BTreeMap<String, Option<i64>>, HashMap<String, [u32; 3]>),
    Cable(f64),
    Refund(HashMap<String, bool>, i64),
    Rent {
        notes: String,
        owner: String,
        name: bool,
    },
}
content!(enum T059 5 {
    0 Gift { origin: a0 b0 }
    1 Airtime { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    2 Cable { 0: a0 b0 }
    3 Refund { 0: a0 b0, 1: a1 b1 }
    4 Rent { notes: a0 b0, owner: a1 b1, name: a2 b2 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T060 {
    Exam {
        stock: String,
        rate: (String, String),
    },
    Toll {
        notes: i16,
        owner: bool,
        name: Vec<u16>,
    },
    Data {
        price: u16,
        stock: i8,
    },
    Betting {
        name: char,
    },
    Gift {
        price: Box<i16>,
        stock: (u64, (u64, i64)),
    },
    Airtime,
}
content!(enum T060 6 {
    0 Exam { stock: a0 b0, rate: a1 b1 }
    1 Toll { notes: a0 b0, owner: a1 b1, name: a2 b2 }
    2 Data { price: a0 b0, stock: a1 b1 }
    3 Betting { name: a0 b0 }
    4 Gift { price: a0 b0, stock: a1 b1 }
    5 Airtime {}
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T061 {
    Power {
        price: String,
        stock: i64,
        rate: u16,
    },
    Exam {
        rate: u32,
        code: i32,
        tags: u64,
    },
    Toll {
        parts: char,
        weight: [i32; 3],
    },
    Data {
        price: String,
        stock: f64,
    },
    Betting,
    Gift {
        stock: u32,
        rate: u8,
        code: u64,
        tags: Option<i32>,
    },
    Airtime(([u64; 3], String), i8),
}
content!(enum T061 7 {
    0 Power { price: a0 b0, stock: a1 b1, rate: a2 b2 }
    1 Exam { rate: a0 b0, code: a1 b1, tags: a2 b2 }
    2 Toll { parts: a0 b0, weight: a1 b1 }
    3 Data { price: a0 b0, stock: a1 b1 }
    4 Betting {}
    5 Gift { stock: a0 b0, rate: a1 b1, code: a2 b2, tags: a3 b3 }
    6 Airtime { 0: a0 b0, 1: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T062 {
    Refund {
        notes: [char; 3],
    },
    Rent {
        level: char,
        notes: char,
    },
    Power(BTreeMap<String, u32>),
}
content!(enum T062 3 {
    0 Refund { notes: a0 b0 }
    1 Rent { level: a0 b0, notes: a1 b1 }
    2 Power { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T063 {
    Refund,
    Rent {
        parts: BTreeMap<String, [String; 3]>,
    },
    Power {
        parts: u16,
    },
}
content!(enum T063 3 {
    0 Refund {}
    1 Rent { parts: a0 b0 }
    2 Power { parts: a0 b0 }
});
