//! Generated types, part 4: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// `untagged`, variants of the same kind
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T096 {
    One(u32),
    Other(i32),
}
content!(enum T096 2 {
    0 One { 0: a0 b0 }
    1 Other { 0: a0 b0 }
});

// `untagged`, variants of the same kind
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T097 {
    One(Vec<u8>),
    Other((u8, u8)),
    Fields {
        a: u8,
    },
}
content!(enum T097 3 {
    0 One { 0: a0 b0 }
    1 Other { 0: a0 b0 }
    2 Fields { a: a0 b0 }
});

// `untagged`, variants of the same kind
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T098 {
    One(u8),
    Other(u16),
    Fields {
        a: u8,
    },
    More {
        a: u8,
        b: Option<u8>,
    },
}
content!(enum T098 4 {
    0 One { 0: a0 b0 }
    1 Other { 0: a0 b0 }
    2 Fields { a: a0 b0 }
    3 More { a: a0 b0, b: a1 b1 }
});

// `untagged`, variants of the same kind
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T099 {
    One(i64),
    Other(f64),
}
content!(enum T099 2 {
    0 One { 0: a0 b0 }
    1 Other { 0: a0 b0 }
});

// `untagged`, variants of the same kind
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T100 {
    One(char),
    Other(String),
    Fields {
        a: u8,
    },
}
content!(enum T100 3 {
    0 One { 0: a0 b0 }
    1 Other { 0: a0 b0 }
    2 Fields { a: a0 b0 }
});

// `untagged` on a variant
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T101 {
    Rent(u64, bool, Box<i64>),
    Power,
    Exam(bool),
    #[serde(untagged)]
    Else(i64),
}
content!(enum T101 4 {
    0 Rent { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Power {}
    2 Exam { 0: a0 b0 }
    3 Else { 0: a0 b0 }
});

// `untagged` on a variant
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T102 {
    Refund {
        code: (Option<f64>, u16),
        tags: Vec<f64>,
        bundle: Box<i64>,
    },
    Rent {
        origin: f64,
    },
    Power,
    #[serde(untagged)]
    Else(i64),
}
content!(enum T102 4 {
    0 Refund { code: a0 b0, tags: a1 b1, bundle: a2 b2 }
    1 Rent { origin: a0 b0 }
    2 Power {}
    3 Else { 0: a0 b0 }
});

// `untagged` on a variant
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T103 {
    Cable {
        origin: u8,
    },
    Refund(u64, String),
    Rent {
        rate: (i32, i64),
        code: Vec<Option<f64>>,
        tags: i32,
        bundle: i8,
    },
    #[serde(untagged)]
    Else(i64),
}
content!(enum T103 4 {
    0 Cable { origin: a0 b0 }
    1 Refund { 0: a0 b0, 1: a1 b1 }
    2 Rent { rate: a0 b0, code: a1 b1, tags: a2 b2, bundle: a3 b3 }
    3 Else { 0: a0 b0 }
});

// `untagged` on a variant
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T104 {
    Rent {
        stock: u16,
        rate: bool,
        code: bool,
    },
    Power {
        state: i32,
    },
    Exam(u8, String),
    #[serde(untagged)]
    Else(i64),
}
content!(enum T104 4 {
    0 Rent { stock: a0 b0, rate: a1 b1, code: a2 b2 }
    1 Power { state: a0 b0 }
    2 Exam { 0: a0 b0, 1: a1 b1 }
    3 Else { 0: a0 b0 }
});

// `untagged` on a variant
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T105 {
    Rent {
        price: char,
        stock: String,
        rate: String,
        code: Option<i64>,
    },
    Power((HashMap<String, i32>, f64), String, i32),
    Exam(i8, i64, u32),
    #[serde(untagged)]
    Else(i64),
}
content!(enum T105 4 {
    0 Rent { price: a0 b0, stock: a1 b1, rate: a2 b2, code: a3 b3 }
    1 Power { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    2 Exam { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    3 Else { 0: a0 b0 }
});

// `other`
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T106 {
    Data {
        expires: HashMap<String, f64>,
        level: HashMap<String, [i32; 3]>,
    },
    Betting {
        code: u16,
        tags: i8,
        bundle: u32,
    },
    #[serde(other)]
    Unknown,
}
content!(enum T106 3 {
    0 Data { expires: a0 b0, level: a1 b1 }
    1 Betting { code: a0 b0, tags: a1 b1, bundle: a2 b2 }
    2 Unknown {}
});

// `other`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T107 {
    Power,
    Exam,
    #[serde(other)]
    Unknown,
}
content!(enum T107 3 {
    0 Power {}
    1 Exam {}
    2 Unknown {}
});

// `other`
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T108 {
    Airtime {
        parts: i8,
        weight: Box<String>,
        origin: String,
    },
    Cable(BTreeMap<String, u32>),
    #[serde(other)]
    Unknown,
}
content!(enum T108 3 {
    0 Airtime { parts: a0 b0, weight: a1 b1, origin: a2 b2 }
    1 Cable { 0: a0 b0 }
    2 Unknown {}
});

// `other`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T109 {
    Cable,
    Refund,
    #[serde(other)]
    Unknown,
}
content!(enum T109 3 {
    0 Cable {}
    1 Refund {}
    2 Unknown {}
});

// `skip`, `skip_deserializing` on a variant
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T110 {
    #[serde(skip)]
    Airtime {
        price: u8,
    },
    Cable {
        state: BTreeMap<String, HashMap<String, i64>>,
        limit: i8,
    },
    Refund(char),
    Rent {
        tags: HashMap<String, Option<String>>,
        bundle: Option<BTreeMap<String, bool>>,
        parts: (Option<i16>, bool),
        weight: (String, (char, char)),
    },
}
content!(enum T110 4 {
    0 Airtime { price: a0 b0 }
    1 Cable { state: a0 b0, limit: a1 b1 }
    2 Refund { 0: a0 b0 }
    3 Rent { tags: a0 b0, bundle: a1 b1, parts: a2 b2, weight: a3 b3 }
});

// `skip`, `skip_deserializing` on a variant
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T111 {
    #[serde(skip_serializing)]
    Betting {
        price: u8,
    },
    Gift(i64),
    Airtime,
    Cable {
        rate: [char; 3],
        code: (i64, String),
        tags: String,
        bundle: char,
    },
}
content!(enum T111 4 {
    0 Betting { price: a0 b0 }
    1 Gift { 0: a0 b0 }
    2 Airtime {}
    3 Cable { rate: a0 b0, code: a1 b1, tags: a2 b2, bundle: a3 b3 }
});

// `skip`, `skip_deserializing` on a variant
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T112 {
    Exam((String, [String; 3]), u32, bool),
    #[serde(skip_deserializing)]
    Toll {
        name: u8,
        state: u8,
    },
    Data,
    Betting(u8, BTreeMap<String, BTreeMap<String, u8>>, [u8; 3]),
}
content!(enum T112 4 {
    0 Exam { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Toll { name: a0 b0, state: a1 b1 }
    2 Data {}
    3 Betting { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
});

// `skip`, `skip_deserializing` on a variant
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T113 {
    Power(bool),
    #[serde(skip)]
    Exam {
        bundle: u8,
        parts: u8,
        weight: u8,
    },
    Toll {
        notes: Vec<i64>,
        owner: i32,
        name: char,
    },
    Data {
        weight: String,
        origin: [char; 3],
        expires: i16,
    },
}
content!(enum T113 4 {
    0 Power { 0: a0 b0 }
    1 Exam { bundle: a0 b0, parts: a1 b1, weight: a2 b2 }
    2 Toll { notes: a0 b0, owner: a1 b1, name: a2 b2 }
    3 Data { weight: a0 b0, origin: a1 b1, expires: a2 b2 }
});

// `skip`, `skip_deserializing` on a variant
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T114 {
    Data {
        price: String,
        stock: u8,
        rate: char,
        code: (u16, BTreeMap<String, i64>),
    },
    Betting,
    #[serde(skip_serializing)]
    Gift(u8),
    Airtime {
        name: i64,
        state: (Box<u8>, u8),
    },
}
content!(enum T114 4 {
    0 Data { price: a0 b0, stock: a1 b1, rate: a2 b2, code: a3 b3 }
    1 Betting {}
    2 Gift { 0: a0 b0 }
    3 Airtime { name: a0 b0, state: a1 b1 }
});

// `skip`, `skip_deserializing` on a variant
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T115 {
    Betting(u32, Box<i32>, u64),
    Gift,
    #[serde(skip_deserializing)]
    Airtime(u8, u8, u8),
    Cable((String, char), String, u16),
}
content!(enum T115 4 {
    0 Betting { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Gift {}
    2 Airtime { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    3 Cable { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
});

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) struct T116 {
    #[serde(rename = "another")]
    pub(crate) state: u32,
    pub(crate) limit: Box<i16>,
    pub(crate) price: (u32, u64),
    pub(crate) of_two_words: u16,
}
content!(struct T116 { state, limit, price, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[serde(rename_all_fields = "snake_case")]
pub(crate) enum T117 {
    Power(i32),
    Exam(bool, Box<bool>),
    Toll([u16; 3]),
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T117 4 {
    0 Power { 0: a0 b0 }
    1 Exam { 0: a0 b0, 1: a1 b1 }
    2 Toll { 0: a0 b0 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct T118 {
    #[serde(rename = "STATE")]
    pub(crate) state: char,
    pub(crate) limit: u64,
    pub(crate) of_two_words: u16,
}
content!(struct T118 { state, limit, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(rename_all_fields = "kebab-case")]
pub(crate) enum T119 {
    #[serde(rename = "the first")]
    Rent {
        bundle: u64,
        parts: Vec<BTreeMap<String, f64>>,
        weight: (i32, BTreeMap<String, bool>),
    },
    Power(String, Vec<(String, f64)>, i16),
    Exam {
        bundle: Vec<Box<u16>>,
        parts: u16,
    },
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T119 4 {
    0 Rent { bundle: a0 b0, parts: a1 b1, weight: a2 b2 }
    1 Power { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    2 Exam { bundle: a0 b0, parts: a1 b1 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});
