//! Generated types, part 19: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T304>("T304", "addresses in what serde buffers");
    judge.values_of::<T305>("T305", "addresses in what serde buffers");
    judge.values_of::<T306>("T306", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T307>("T307", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T308>("T308", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T309>("T309", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T310>("T310", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T311>("T311", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T312>("T312", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T313>("T313", "bytes, maps with other keys than text, floats in what serde buffers");
    judge.values_of::<T314>("T314", "all of these inside one another");
    judge.values_of::<T315>("T315", "all of these inside one another");
    judge.values_of::<T316>("T316", "all of these inside one another");
    judge.values_of::<T317>("T317", "all of these inside one another");
    judge.values_of::<T318>("T318", "all of these inside one another");
    judge.values_of::<T319>("T319", "all of these inside one another");
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T304 {
    Only {
        address: Ipv6Addr,
        code: i8,
    },
    Unit,
}
content!(enum T304 2 {
    0 Only { address: a0 b0, code: a1 b1 }
    1 Unit {}
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T305 {
    pub(crate) address: Vec<IpAddr>,
    pub(crate) state: [i8; 3],
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, bool>,
}
content!(struct T305 { address, state, rest });

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T306 {
    Only {
        held: f32,
        limit: i64,
    },
    Unit,
}
content!(enum T306 2 {
    0 Only { held: a0 b0, limit: a1 b1 }
    1 Unit {}
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T307 {
    Only {
        held: f64,
        origin: u64,
        expires: u64,
    },
    Unit,
}
content!(enum T307 2 {
    0 Only { held: a0 b0, origin: a1 b1, expires: a2 b2 }
    1 Unit {}
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T308 {
    Only {
        held: BTreeMap<u32, u8>,
        state: Vec<u16>,
        limit: bool,
    },
    Unit,
}
content!(enum T308 2 {
    0 Only { held: a0 b0, state: a1 b1, limit: a2 b2 }
    1 Unit {}
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T309 {
    pub(crate) held: BTreeMap<i8, String>,
    pub(crate) state: BTreeMap<String, i64>,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, bool>,
}
content!(struct T309 { held, state, rest });

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T310 {
    Only {
        held: BTreeMap<(u8, u8), u8>,
        stock: i16,
        rate: HashMap<String, [f64; 3]>,
    },
    Unit,
}
content!(enum T310 2 {
    0 Only { held: a0 b0, stock: a1 b1, rate: a2 b2 }
    1 Unit {}
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T311 {
    Only {
        held: CString,
        stock: i32,
    },
    Unit,
}
content!(enum T311 2 {
    0 Only { held: a0 b0, stock: a1 b1 }
    1 Unit {}
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T312 {
    Only {
        held: (),
        bundle: Box<i32>,
        parts: i8,
    },
    Unit,
}
content!(enum T312 2 {
    0 Only { held: a0 b0, bundle: a1 b1, parts: a2 b2 }
    1 Unit {}
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T313 {
    pub(crate) held: Duration,
    pub(crate) weight: bool,
    pub(crate) origin: bool,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, bool>,
}
content!(struct T313 { held, weight, origin, rest });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T314 {
    pub(crate) limit: [Option<i64>; 3],
    pub(crate) price: BTreeMap<String, i8>,
    pub(crate) first: Vec<T058>,
    pub(crate) other: Vec<()>,
    pub(crate) points: Vec<Point>,
}
content!(struct T314 { limit, price, first, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T315 {
    Power,
    Exam {
        owner: f64,
        name: u16,
        state: Box<u64>,
    },
    Nested {
        code: u16,
        tags: [u8; 3],
        first: (T022, u8),
        second: Option<T123>,
        other: Vec<Result<String, f64>>,
        points: Vec<Point>,
    },
}
content!(enum T315 3 {
    0 Power {}
    1 Exam { owner: a0 b0, name: a1 b1, state: a2 b2 }
    2 Nested { code: a0 b0, tags: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T316 {
    pub(crate) state: (i64, u32),
    pub(crate) first: Vec<T031>,
    pub(crate) second: Vec<T060>,
    pub(crate) third: Box<T006>,
    pub(crate) other: (u16, u16),
    pub(crate) points: Option<Color>,
}
content!(struct T316 { state, first, second, third, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T317 {
    pub(crate) name: Box<f64>,
    pub(crate) first: BTreeMap<String, T011>,
    pub(crate) other: VecDeque<i64>,
    pub(crate) points: Vec<Point>,
}
content!(struct T317 { name, first, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T318 {
    Cable(f64, i64, bool),
    Refund,
    Nested {
        name: Option<u16>,
        first: Box<T024>,
        second: Box<T016>,
        other: Option<Duration>,
        points: BTreeMap<Color, Point>,
    },
}
content!(enum T318 3 {
    0 Cable { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Refund {}
    2 Nested { name: a0 b0, first: a1 b1, second: a2 b2, other: a3 b3, points: a4 b4 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T319 {
    pub(crate) weight: u64,
    pub(crate) origin: String,
    pub(crate) first: T052,
    pub(crate) second: Box<T120>,
    pub(crate) third: Option<T130>,
    pub(crate) other: Result<f64, BTreeMap<String, i8>>,
    pub(crate) points: Vec<Point>,
}
content!(struct T319 { weight, origin, first, second, third, other, points });
