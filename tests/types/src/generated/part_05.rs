//! Generated types, part 5: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T080>("T080", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T081>("T081", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T082>("T082", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T083>("T083", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T084>("T084", "`tag` and `content` (adjacently tagged)");
    judge.values_of::<T085>("T085", "`untagged`, each variant of another kind");
    judge.values_of::<T086>("T086", "`untagged`, each variant of another kind");
    judge.values_of::<T087>("T087", "`untagged`, each variant of another kind");
    judge.values_of::<T088>("T088", "`untagged`, each variant of another kind");
    judge.values_of::<T089>("T089", "`untagged`, each variant of another kind");
    judge.values_of::<T090>("T090", "`untagged`, each variant of another kind");
    judge.values_of::<T091>("T091", "`untagged`, each variant of another kind");
    judge.values_of::<T092>("T092", "`untagged`, each variant of another kind");
    judge.values_of::<T093>("T093", "`untagged`, variants of the same kind");
    judge.values_of::<T094>("T094", "`untagged`, variants of the same kind");
    judge.values_of::<T095>("T095", "`untagged`, variants of the same kind");
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[serde(content = "of")]
pub(crate) enum T080 {
    Data(BTreeMap<String, u16>),
    Betting {
        state: (char, bool),
        limit: String,
        price: HashMap<String, (f64, u8)>,
        stock: HashMap<String, i8>,
    },
    Gift,
    Airtime(BTreeMap<String, u32>, i32, i16),
}
content!(enum T080 4 {
    0 Data { 0: a0 b0 }
    1 Betting { state: a0 b0, limit: a1 b1, price: a2 b2, stock: a3 b3 }
    2 Gift {}
    3 Airtime { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[serde(content = "of")]
pub(crate) enum T081 {
    Gift {
        notes: i64,
        owner: String,
        name: u8,
        state: Vec<Option<i8>>,
    },
    Airtime {
        tags: char,
    },
    Cable,
    Refund(bool),
}
content!(enum T081 4 {
    0 Gift { notes: a0 b0, owner: a1 b1, name: a2 b2, state: a3 b3 }
    1 Airtime { tags: a0 b0 }
    2 Cable {}
    3 Refund { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[serde(content = "of")]
pub(crate) enum T082 {
    Toll {
        tags: f64,
    },
    Data,
    Betting {
        code: char,
        tags: i8,
    },
    Gift(i32),
}
content!(enum T082 4 {
    0 Toll { tags: a0 b0 }
    1 Data {}
    2 Betting { code: a0 b0, tags: a1 b1 }
    3 Gift { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[serde(content = "of")]
pub(crate) enum T083 {
    Rent(Vec<i16>, u16),
    Power(Box<bool>, char),
    Exam(f64),
    Toll([u16; 3], i8),
}
content!(enum T083 4 {
    0 Rent { 0: a0 b0, 1: a1 b1 }
    1 Power { 0: a0 b0, 1: a1 b1 }
    2 Exam { 0: a0 b0 }
    3 Toll { 0: a0 b0, 1: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[serde(content = "of")]
pub(crate) enum T084 {
    Power {
        level: BTreeMap<String, u64>,
        notes: String,
        owner: bool,
        name: [u32; 3],
    },
    Exam {
        parts: Vec<BTreeMap<String, i16>>,
        weight: (i8, String),
        origin: u16,
    },
    Toll,
    Data {
        name: u8,
        state: i8,
    },
}
content!(enum T084 4 {
    0 Power { level: a0 b0, notes: a1 b1, owner: a2 b2, name: a3 b3 }
    1 Exam { parts: a0 b0, weight: a1 b1, origin: a2 b2 }
    2 Toll {}
    3 Data { name: a0 b0, state: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T085 {
    Number(i64),
    Text(String),
    List(Vec<u64>),
    Nothing,
    Fields {
        rate: String,
        code: [u64; 3],
    },
}
content!(enum T085 5 {
    0 Number { 0: a0 b0 }
    1 Text { 0: a0 b0 }
    2 List { 0: a0 b0 }
    3 Nothing {}
    4 Fields { rate: a0 b0, code: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T086 {
    Number(u8),
    Text(String),
    Fields {
        level: (char, String),
        notes: i32,
        owner: char,
    },
}
content!(enum T086 3 {
    0 Number { 0: a0 b0 }
    1 Text { 0: a0 b0 }
    2 Fields { level: a0 b0, notes: a1 b1, owner: a2 b2 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T087 {
    Number(f64),
    Text(String),
    List(Vec<u32>),
    Nothing,
    Fields {
        limit: HashMap<String, String>,
    },
}
content!(enum T087 5 {
    0 Number { 0: a0 b0 }
    1 Text { 0: a0 b0 }
    2 List { 0: a0 b0 }
    3 Nothing {}
    4 Fields { limit: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T088 {
    Number(i64),
    Text(String),
    Fields {
        rate: (u64, String),
    },
}
content!(enum T088 3 {
    0 Number { 0: a0 b0 }
    1 Text { 0: a0 b0 }
    2 Fields { rate: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T089 {
    Number(f64),
    Text(String),
    Fields {
        name: BTreeMap<String, [i8; 3]>,
        state: i64,
    },
}
content!(enum T089 3 {
    0 Number { 0: a0 b0 }
    1 Text { 0: a0 b0 }
    2 Fields { name: a0 b0, state: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T090 {
    Number(u8),
    Text(String),
    List(Vec<u32>),
    Nothing,
    Fields {
        weight: bool,
        origin: Box<i64>,
    },
}
content!(enum T090 5 {
    0 Number { 0: a0 b0 }
    1 Text { 0: a0 b0 }
    2 List { 0: a0 b0 }
    3 Nothing {}
    4 Fields { weight: a0 b0, origin: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T091 {
    Number(i64),
    Text(String),
    Fields {
        limit: i16,
        price: [HashMap<String, String>; 3],
    },
}
content!(enum T091 3 {
    0 Number { 0: a0 b0 }
    1 Text { 0: a0 b0 }
    2 Fields { limit: a0 b0, price: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T092 {
    Number(f64),
    Text(String),
    List(Vec<i32>),
    Nothing,
    Fields {
        stock: f64,
    },
}
content!(enum T092 5 {
    0 Number { 0: a0 b0 }
    1 Text { 0: a0 b0 }
    2 List { 0: a0 b0 }
    3 Nothing {}
    4 Fields { stock: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T093 {
    One(u8),
    Other(u16),
}
content!(enum T093 2 {
    0 One { 0: a0 b0 }
    1 Other { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T094 {
    One(i64),
    Other(f64),
    Fields {
        a: u8,
    },
}
content!(enum T094 3 {
    0 One { 0: a0 b0 }
    1 Other { 0: a0 b0 }
    2 Fields { a: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T095 {
    One(char),
    Other(String),
    Fields {
        a: u8,
    },
    More {
        a: u8,
        b: Option<u8>,
    },
}
content!(enum T095 4 {
    0 One { 0: a0 b0 }
    1 Other { 0: a0 b0 }
    2 Fields { a: a0 b0 }
    3 More { a: a0 b0, b: a1 b1 }
});
