//! Generated types, part 6: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T096>("T096", "`untagged`, variants of the same kind");
    judge.values_of::<T097>("T097", "`untagged`, variants of the same kind");
    judge.values_of::<T098>("T098", "`untagged`, variants of the same kind");
    judge.values_of::<T099>("T099", "`untagged`, variants of the same kind");
    judge.values_of::<T100>("T100", "`untagged`, variants of the same kind");
    judge.values_of::<T101>("T101", "`untagged` on a variant");
    judge.values_of::<T102>("T102", "`untagged` on a variant");
    judge.values_of::<T103>("T103", "`untagged` on a variant");
    judge.values_of::<T104>("T104", "`untagged` on a variant");
    judge.values_of::<T105>("T105", "`untagged` on a variant");
    judge.values_of::<T106>("T106", "`other`");
    judge.values_of::<T107>("T107", "`other`");
    judge.values_of::<T108>("T108", "`other`");
    judge.values_of::<T109>("T109", "`other`");
    judge.values_of::<T110>("T110", "`skip`, `skip_deserializing` on a variant");
    judge.values_of::<T111>("T111", "`skip`, `skip_deserializing` on a variant");
}

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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T101 {
    Rent {
        code: i8,
    },
    Power((i64, u8), u8, Option<i8>),
    Exam(Box<u32>, i32, (i32, i64)),
    #[serde(untagged)]
    Else(i64),
}
content!(enum T101 4 {
    0 Rent { code: a0 b0 }
    1 Power { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    2 Exam { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    3 Else { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T102 {
    Betting(i8, f64, u16),
    Gift {
        bundle: bool,
        parts: bool,
        weight: u64,
    },
    Airtime,
    #[serde(untagged)]
    Else(i64),
}
content!(enum T102 4 {
    0 Betting { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Gift { bundle: a0 b0, parts: a1 b1, weight: a2 b2 }
    2 Airtime {}
    3 Else { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T103 {
    Cable {
        stock: u64,
        rate: u8,
    },
    Refund,
    Rent(u8),
    #[serde(untagged)]
    Else(i64),
}
content!(enum T103 4 {
    0 Cable { stock: a0 b0, rate: a1 b1 }
    1 Refund {}
    2 Rent { 0: a0 b0 }
    3 Else { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T104 {
    Airtime,
    Cable {
        weight: Box<i8>,
        origin: u64,
    },
    Refund {
        bundle: f64,
        parts: String,
        weight: i32,
    },
    #[serde(untagged)]
    Else(i64),
}
content!(enum T104 4 {
    0 Airtime {}
    1 Cable { weight: a0 b0, origin: a1 b1 }
    2 Refund { bundle: a0 b0, parts: a1 b1, weight: a2 b2 }
    3 Else { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T105 {
    Power(i64),
    Exam {
        level: Box<Vec<bool>>,
        notes: f64,
        owner: HashMap<String, [i32; 3]>,
        name: BTreeMap<String, u8>,
    },
    Toll,
    #[serde(untagged)]
    Else(i64),
}
content!(enum T105 4 {
    0 Power { 0: a0 b0 }
    1 Exam { level: a0 b0, notes: a1 b1, owner: a2 b2, name: a3 b3 }
    2 Toll {}
    3 Else { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T106 {
    Power(BTreeMap<String, u32>),
    Exam {
        expires: char,
        level: bool,
        notes: BTreeMap<String, i8>,
    },
    #[serde(other)]
    Unknown,
}
content!(enum T106 3 {
    0 Power { 0: a0 b0 }
    1 Exam { expires: a0 b0, level: a1 b1, notes: a2 b2 }
    2 Unknown {}
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T107 {
    Rent,
    Power,
    #[serde(other)]
    Unknown,
}
content!(enum T107 3 {
    0 Rent {}
    1 Power {}
    2 Unknown {}
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T108 {
    Power {
        origin: char,
    },
    Exam {
        price: i64,
        stock: u32,
        rate: u8,
    },
    #[serde(other)]
    Unknown,
}
content!(enum T108 3 {
    0 Power { origin: a0 b0 }
    1 Exam { price: a0 b0, stock: a1 b1, rate: a2 b2 }
    2 Unknown {}
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T109 {
    Data,
    Betting,
    #[serde(other)]
    Unknown,
}
content!(enum T109 3 {
    0 Data {}
    1 Betting {}
    2 Unknown {}
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T110 {
    #[serde(skip)]
    Exam {
        tags: u8,
        bundle: u8,
    },
    Toll {
        tags: HashMap<String, Option<String>>,
        bundle: Option<bool>,
        parts: i16,
        weight: (Option<i16>, bool),
    },
    Data {
        notes: i64,
        owner: String,
        name: u64,
        state: i32,
    },
    Betting,
}
content!(enum T110 4 {
    0 Exam { tags: a0 b0, bundle: a1 b1 }
    1 Toll { tags: a0 b0, bundle: a1 b1, parts: a2 b2, weight: a3 b3 }
    2 Data { notes: a0 b0, owner: a1 b1, name: a2 b2, state: a3 b3 }
    3 Betting {}
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T111 {
    #[serde(skip_serializing)]
    Rent {
        stock: u8,
        rate: u8,
    },
    Power {
        code: Option<String>,
    },
    Exam((i64, String)),
    Toll {
        tags: f64,
        bundle: u64,
        parts: ((i8, String), BTreeMap<String, u32>),
    },
}
content!(enum T111 4 {
    0 Rent { stock: a0 b0, rate: a1 b1 }
    1 Power { code: a0 b0 }
    2 Exam { 0: a0 b0 }
    3 Toll { tags: a0 b0, bundle: a1 b1, parts: a2 b2 }
});
