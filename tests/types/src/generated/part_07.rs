//! Generated types, part 7: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T112>("T112", "`skip`, `skip_deserializing` on a variant");
    judge.values_of::<T113>("T113", "`skip`, `skip_deserializing` on a variant");
    judge.values_of::<T114>("T114", "`skip`, `skip_deserializing` on a variant");
    judge.values_of::<T115>("T115", "`skip`, `skip_deserializing` on a variant");
    judge.values_of::<T116>("T116", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T117>("T117", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T118>("T118", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T119>("T119", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T120>("T120", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T121>("T121", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T122>("T122", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T123>("T123", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T124>("T124", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T125>("T125", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T126>("T126", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T127>("T127", "`rename`, `rename_all`, `rename_all_fields`");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T112 {
    Airtime {
        name: String,
        state: (f64, i32),
    },
    #[serde(skip_deserializing)]
    Cable,
    Refund(u8, BTreeMap<String, BTreeMap<String, u8>>, [u8; 3]),
    Rent(i16),
}
content!(enum T112 4 {
    0 Airtime { name: a0 b0, state: a1 b1 }
    1 Cable {}
    2 Refund { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    3 Rent { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T113 {
    Airtime {
        bundle: u64,
        parts: String,
        weight: Option<u32>,
    },
    #[serde(skip)]
    Cable {
        notes: u8,
        owner: u8,
        name: u8,
    },
    Refund {
        weight: String,
        origin: [char; 3],
        expires: i16,
    },
    Rent(f64, String, u8),
}
content!(enum T113 4 {
    0 Airtime { bundle: a0 b0, parts: a1 b1, weight: a2 b2 }
    1 Cable { notes: a0 b0, owner: a1 b1, name: a2 b2 }
    2 Refund { weight: a0 b0, origin: a1 b1, expires: a2 b2 }
    3 Rent { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T114 {
    Airtime,
    Cable {
        state: bool,
        limit: f64,
        price: u16,
        stock: (bool, u8),
    },
    #[serde(skip_serializing)]
    Refund {
        code: u8,
        tags: u8,
        bundle: u8,
    },
    Rent {
        level: u64,
        notes: u64,
        owner: i8,
        name: u8,
    },
}
content!(enum T114 4 {
    0 Airtime {}
    1 Cable { state: a0 b0, limit: a1 b1, price: a2 b2, stock: a3 b3 }
    2 Refund { code: a0 b0, tags: a1 b1, bundle: a2 b2 }
    3 Rent { level: a0 b0, notes: a1 b1, owner: a2 b2, name: a3 b3 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T115 {
    Gift {
        notes: Box<bool>,
        owner: f64,
        name: BTreeMap<String, Vec<i32>>,
    },
    Airtime {
        expires: String,
        level: u16,
        notes: u64,
        owner: BTreeMap<String, u32>,
    },
    #[serde(skip_deserializing)]
    Cable {
        weight: u8,
        origin: u8,
        expires: u8,
    },
    Refund(i32),
}
content!(enum T115 4 {
    0 Gift { notes: a0 b0, owner: a1 b1, name: a2 b2 }
    1 Airtime { expires: a0 b0, level: a1 b1, notes: a2 b2, owner: a3 b3 }
    2 Cable { weight: a0 b0, origin: a1 b1, expires: a2 b2 }
    3 Refund { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) struct T116 {
    #[serde(rename = "another")]
    pub(crate) bundle: Vec<bool>,
    pub(crate) parts: Box<bool>,
    pub(crate) weight: i32,
    pub(crate) origin: i64,
    pub(crate) of_two_words: u16,
}
content!(struct T116 { bundle, parts, weight, origin, of_two_words });

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[serde(rename_all_fields = "snake_case")]
pub(crate) enum T117 {
    #[serde(rename = "the first")]
    Power(Box<BTreeMap<String, f64>>, u64, Box<(u64, u64)>),
    Exam {
        state: u8,
        limit: (i32, BTreeMap<String, bool>),
        price: u16,
    },
    Toll {
        notes: Vec<(String, f64)>,
    },
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T117 4 {
    0 Power { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Exam { state: a0 b0, limit: a1 b1, price: a2 b2 }
    2 Toll { notes: a0 b0 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct T118 {
    #[serde(rename = "PRICE")]
    pub(crate) price: HashMap<String, Vec<char>>,
    pub(crate) stock: [u16; 3],
    pub(crate) of_two_words: u16,
}
content!(struct T118 { price, stock, of_two_words });

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(rename_all_fields = "kebab-case")]
pub(crate) enum T119 {
    Refund {
        expires: Box<bool>,
        level: (i32, Vec<u64>),
    },
    Rent,
    Power {
        bundle: i16,
        parts: (bool, i8),
        weight: f64,
        origin: u8,
    },
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T119 4 {
    0 Refund { expires: a0 b0, level: a1 b1 }
    1 Rent {}
    2 Power { bundle: a0 b0, parts: a1 b1, weight: a2 b2, origin: a3 b3 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

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

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct T122 {
    #[serde(rename = "another")]
    pub(crate) level: HashMap<String, bool>,
    pub(crate) notes: HashMap<String, char>,
    pub(crate) of_two_words: u16,
}
content!(struct T122 { level, notes, of_two_words });

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

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct T126 {
    #[serde(rename(serialize = "another", deserialize = "another"))]
    pub(crate) expires: String,
    pub(crate) level: String,
    pub(crate) of_two_words: u16,
}
content!(struct T126 { expires, level, of_two_words });

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
