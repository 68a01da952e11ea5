//! Generated types, part 5: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct T120 {
    #[serde(rename(serialize = "another", deserialize = "another"))]
    pub(crate) code: [u8; 3],
    pub(crate) tags: i64,
    pub(crate) bundle: BTreeMap<String, String>,
    pub(crate) of_two_words: u16,
}
content!(struct T120 { code, tags, bundle, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all_fields = "lowercase")]
pub(crate) enum T121 {
    #[serde(rename = "the first")]
    Data(bool, f64),
    Betting,
    Gift {
        price: char,
        stock: u16,
    },
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T121 4 {
    0 Data { 0: a0 b0, 1: a1 b1 }
    1 Betting {}
    2 Gift { price: a0 b0, stock: a1 b1 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct T122 {
    #[serde(rename = "another")]
    pub(crate) level: HashMap<String, bool>,
    pub(crate) notes: HashMap<String, char>,
    pub(crate) of_two_words: u16,
}
content!(struct T122 { level, notes, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
#[serde(rename_all_fields = "PascalCase")]
pub(crate) enum T123 {
    Data {
        price: Option<i64>,
        stock: String,
    },
    Betting {
        tags: (String, Box<f64>),
        bundle: BTreeMap<String, u8>,
        parts: bool,
    },
    Gift {
        owner: u32,
        name: BTreeMap<String, u16>,
        state: u8,
        limit: HashMap<String, Option<i32>>,
    },
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T123 4 {
    0 Data { price: a0 b0, stock: a1 b1 }
    1 Betting { tags: a0 b0, bundle: a1 b1, parts: a2 b2 }
    2 Gift { owner: a0 b0, name: a1 b1, state: a2 b2, limit: a3 b3 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) struct T124 {
    #[serde(rename = "LEVEL")]
    pub(crate) level: HashMap<String, u16>,
    pub(crate) notes: Box<String>,
    pub(crate) owner: u64,
    pub(crate) name: String,
    pub(crate) of_two_words: u16,
}
content!(struct T124 { level, notes, owner, name, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[serde(rename_all_fields = "snake_case")]
pub(crate) enum T125 {
    Data {
        bundle: Box<Vec<i8>>,
        parts: (Option<u32>, u32),
    },
    Betting {
        parts: u16,
        weight: f64,
        origin: bool,
        expires: i8,
    },
    Gift(BTreeMap<String, i16>, i8, Option<i16>),
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T125 4 {
    0 Data { bundle: a0 b0, parts: a1 b1 }
    1 Betting { parts: a0 b0, weight: a1 b1, origin: a2 b2, expires: a3 b3 }
    2 Gift { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct T126 {
    #[serde(rename(serialize = "another", deserialize = "another"))]
    pub(crate) expires: String,
    pub(crate) level: String,
    pub(crate) of_two_words: u16,
}
content!(struct T126 { expires, level, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(rename_all_fields = "kebab-case")]
pub(crate) enum T127 {
    #[serde(rename = "the first")]
    Cable {
        expires: String,
        level: [i16; 3],
    },
    Refund {
        owner: f64,
    },
    Rent(BTreeMap<String, u64>),
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T127 4 {
    0 Cable { expires: a0 b0, level: a1 b1 }
    1 Refund { owner: a0 b0 }
    2 Rent { 0: a0 b0 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct T128 {
    #[serde(rename = "another")]
    pub(crate) notes: i16,
    pub(crate) owner: bool,
    pub(crate) name: char,
    pub(crate) state: BTreeMap<String, i64>,
    pub(crate) of_two_words: u16,
}
content!(struct T128 { notes, owner, name, state, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all_fields = "lowercase")]
pub(crate) enum T129 {
    #[serde(rename = "the first")]
    Gift {
        state: u8,
        limit: Vec<Vec<u32>>,
        price: u16,
        stock: f64,
    },
    Airtime,
    Cable {
        tags: BTreeMap<String, u8>,
        bundle: Option<char>,
        parts: HashMap<String, Vec<bool>>,
        weight: [i16; 3],
    },
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T129 4 {
    0 Gift { state: a0 b0, limit: a1 b1, price: a2 b2, stock: a3 b3 }
    1 Airtime {}
    2 Cable { tags: a0 b0, bundle: a1 b1, parts: a2 b2, weight: a3 b3 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct T130 {
    #[serde(rename = "EXPIRES")]
    pub(crate) expires: u8,
    pub(crate) level: i8,
    pub(crate) notes: char,
    pub(crate) of_two_words: u16,
}
content!(struct T130 { expires, level, notes, of_two_words });

// `rename`, `rename_all`, `rename_all_fields`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
#[serde(rename_all_fields = "PascalCase")]
pub(crate) enum T131 {
    Airtime(i16, bool, HashMap<String, u8>),
    Cable(u32),
    Refund(u64),
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T131 4 {
    0 Airtime { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Cable { 0: a0 b0 }
    2 Refund { 0: a0 b0 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

// sets and maps of newtypes and enums
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T132 {
    pub(crate) owner: HashMap<Key, Vec<Key>>,
    pub(crate) name: BTreeSet<Key>,
    pub(crate) map: BTreeMap<char, u16>,
}
content!(struct T132 { owner, name, map });

// sets and maps of newtypes and enums
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T133 {
    pub(crate) state: BTreeMap<Key, i8>,
    pub(crate) limit: HashMap<Key, Vec<Key>>,
    pub(crate) map: BTreeMap<String, i64>,
}
content!(struct T133 { state, limit, map });

// sets and maps of newtypes and enums
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T134 {
    pub(crate) price: HashMap<Key, Vec<Key>>,
    pub(crate) stock: BTreeMap<Key, i8>,
    pub(crate) map: BTreeMap<i16, u64>,
}
content!(struct T134 { price, stock, map });

// sets and maps of newtypes and enums
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T135 {
    pub(crate) rate: BTreeMap<Key, u64>,
    pub(crate) code: HashMap<Key, Vec<Key>>,
    pub(crate) map: BTreeMap<char, i32>,
}
content!(struct T135 { rate, code, map });

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
