//! Generated types, part 5: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct T120 {
    #[serde(rename(serialize = "another", deserialize = "another"))]
    pub(crate) owner: u16,
    pub(crate) name: Box<bool>,
    pub(crate) of_two_words: u16,
}
content!(struct T120 { owner, name, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all_fields = "lowercase")]
pub(crate) enum T121 {
    #[serde(rename = "the first")]
    Refund {
        limit: i64,
        price: (String, Vec<String>),
        stock: (bool, i8),
    },
    Rent {
        parts: u8,
        weight: i64,
    },
    Power {
        limit: BTreeMap<String, String>,
        price: u8,
    },
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T121 4 {
    0 Refund { limit: a0 b0, price: a1 b1, stock: a2 b2 }
    1 Rent { parts: a0 b0, weight: a1 b1 }
    2 Power { limit: a0 b0, price: a1 b1 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct T122 {
    #[serde(rename = "another")]
    pub(crate) bundle: bool,
    pub(crate) parts: f64,
    pub(crate) weight: u64,
    pub(crate) of_two_words: u16,
}
content!(struct T122 { bundle, parts, weight, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
#[serde(rename_all_fields = "PascalCase")]
pub(crate) enum T123 {
    #[serde(rename = "the first")]
    Gift {
        name: u16,
        state: u64,
    },
    Airtime {
        expires: bool,
        level: HashMap<String, char>,
        notes: u8,
        owner: Option<[u64; 3]>,
    },
    Cable {
        limit: u64,
    },
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T123 4 {
    0 Gift { name: a0 b0, state: a1 b1 }
    1 Airtime { expires: a0 b0, level: a1 b1, notes: a2 b2, owner: a3 b3 }
    2 Cable { limit: a0 b0 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) struct T124 {
    #[serde(rename = "WEIGHT")]
    pub(crate) weight: String,
    pub(crate) origin: Box<f64>,
    pub(crate) expires: BTreeMap<String, u8>,
    pub(crate) level: bool,
    pub(crate) of_two_words: u16,
}
content!(struct T124 { weight, origin, expires, level, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[serde(rename_all_fields = "snake_case")]
pub(crate) enum T125 {
    Power {
        level: BTreeMap<String, u16>,
        notes: u8,
    },
    Exam {
        price: [i32; 3],
        stock: i32,
    },
    Toll {
        parts: String,
        weight: u64,
        origin: String,
    },
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T125 4 {
    0 Power { level: a0 b0, notes: a1 b1 }
    1 Exam { price: a0 b0, stock: a1 b1 }
    2 Toll { parts: a0 b0, weight: a1 b1, origin: a2 b2 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct T126 {
    #[serde(rename(serialize = "another", deserialize = "another"))]
    pub(crate) tags: i16,
    pub(crate) bundle: Box<Vec<i8>>,
    pub(crate) of_two_words: u16,
}
content!(struct T126 { tags, bundle, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(rename_all_fields = "kebab-case")]
pub(crate) enum T127 {
    #[serde(rename = "the first")]
    Refund(Box<BTreeMap<String, u32>>, u16, f64),
    Rent {
        price: HashMap<String, [u32; 3]>,
        stock: i16,
    },
    Power {
        tags: i32,
        bundle: f64,
    },
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T127 4 {
    0 Refund { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Rent { price: a0 b0, stock: a1 b1 }
    2 Power { tags: a0 b0, bundle: a1 b1 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct T128 {
    #[serde(rename = "another")]
    pub(crate) weight: Option<char>,
    pub(crate) origin: u8,
    pub(crate) expires: i16,
    pub(crate) of_two_words: u16,
}
content!(struct T128 { weight, origin, expires, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all_fields = "lowercase")]
pub(crate) enum T129 {
    #[serde(rename = "the first")]
    Power {
        parts: i64,
        weight: f64,
        origin: f64,
    },
    Exam(BTreeMap<String, u64>),
    Toll {
        notes: i16,
        owner: bool,
    },
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T129 4 {
    0 Power { parts: a0 b0, weight: a1 b1, origin: a2 b2 }
    1 Exam { 0: a0 b0 }
    2 Toll { notes: a0 b0, owner: a1 b1 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct T130 {
    #[serde(rename = "NOTES")]
    pub(crate) notes: i32,
    pub(crate) owner: String,
    pub(crate) name: i32,
    pub(crate) of_two_words: u16,
}
content!(struct T130 { notes, owner, name, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
#[serde(rename_all_fields = "PascalCase")]
pub(crate) enum T131 {
    #[serde(rename = "the first")]
    Exam {
        stock: BTreeMap<String, u16>,
        rate: f64,
        code: String,
    },
    Toll {
        tags: BTreeMap<String, u8>,
        bundle: Option<u8>,
        parts: HashMap<String, Vec<bool>>,
        weight: [i16; 3],
    },
    Data {
        expires: u8,
        level: i8,
    },
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T131 4 {
    0 Exam { stock: a0 b0, rate: a1 b1, code: a2 b2 }
    1 Toll { tags: a0 b0, bundle: a1 b1, parts: a2 b2, weight: a3 b3 }
    2 Data { expires: a0 b0, level: a1 b1 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

// sets and maps of newtypes and enums
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T132 {
    pub(crate) limit: BTreeMap<Color, Key>,
    pub(crate) price: HashMap<Key, Vec<Key>>,
    pub(crate) map: BTreeMap<String, char>,
}
content!(struct T132 { limit, price, map });

// sets and maps of newtypes and enums
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T133 {
    pub(crate) origin: HashMap<Key, Vec<Key>>,
    pub(crate) expires: BTreeMap<Color, Key>,
    pub(crate) map: BTreeMap<Vec<i32>, u8>,
}
content!(struct T133 { origin, expires, map });

// sets and maps of newtypes and enums
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T134 {
    pub(crate) origin: BTreeMap<Color, Key>,
    pub(crate) expires: BTreeMap<Key, u8>,
    pub(crate) map: BTreeMap<u8, u16>,
}
content!(struct T134 { origin, expires, map });

// sets and maps of newtypes and enums
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T135 {
    pub(crate) owner: HashMap<Key, Vec<Key>>,
    pub(crate) name: BTreeSet<Key>,
    pub(crate) map: BTreeMap<char, u16>,
}
content!(struct T135 { owner, name, map });

// a newtype of bytes or of text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T136(pub(crate) Vec<u8>);
content!(struct T136 { 0 });

// a newtype of bytes or of text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T137(pub(crate) String);
content!(struct T137 { 0 });

// a newtype of bytes or of text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T138(pub(crate) Box<str>);
content!(struct T138 { 0 });

// a newtype of bytes or of text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T139(pub(crate) Box<[u8]>);
content!(struct T139 { 0 });

// a newtype of bytes or of text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T140(pub(crate) [u8; 8]);
content!(struct T140 { 0 });

// a newtype of bytes or of text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T141(pub(crate) BTreeSet<u8>);
content!(struct T141 { 0 });

// a newtype of bytes or of text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T142(pub(crate) Cow<'static, str>);
content!(struct T142 { 0 });

// a newtype of bytes or of text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T143(pub(crate) Arc<str>);
content!(struct T143 { 0 });
