//! Generated types, part 13: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// bytes, maps with other keys than text, floats in what serde buffers
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T312 {
    Only {
        held: (),
        code: i8,
    },
    Unit,
}
content!(enum T312 2 {
    0 Only { held: a0 b0, code: a1 b1 }
    1 Unit {}
});

// bytes, maps with other keys than text, floats in what serde buffers
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T313 {
    pub(crate) held: Duration,
    pub(crate) state: [i8; 3],
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, bool>,
}
content!(struct T313 { held, state, rest });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T314 {
    pub(crate) limit: i64,
    pub(crate) first: Option<T121>,
    pub(crate) other: Ipv6Addr,
    pub(crate) points: Vec<Point>,
}
content!(struct T314 { limit, first, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T315 {
    Toll(i16),
    Data(Box<i32>, i8),
    Nested {
        name: u16,
        state: bool,
        first: HashMap<u8, T058>,
        second: Vec<T025>,
        other: CString,
        points: BTreeMap<Color, Point>,
    },
}
content!(enum T315 3 {
    0 Toll { 0: a0 b0 }
    1 Data { 0: a0 b0, 1: a1 b1 }
    2 Nested { name: a0 b0, state: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T316 {
    pub(crate) weight: bool,
    pub(crate) origin: bool,
    pub(crate) first: Box<T027>,
    pub(crate) second: HashMap<u8, T131>,
    pub(crate) third: Box<T010>,
    pub(crate) other: Duration,
    pub(crate) points: Vec<Point>,
}
content!(struct T316 { weight, origin, first, second, third, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T317 {
    pub(crate) state: u8,
    pub(crate) limit: BTreeMap<String, String>,
    pub(crate) first: Option<T007>,
    pub(crate) other: Option<Box<Option<u32>>>,
    pub(crate) points: Point,
}
content!(struct T317 { state, limit, first, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T318 {
    Power {
        bundle: String,
    },
    Exam,
    Nested {
        origin: HashMap<String, f64>,
        first: HashMap<u8, T127>,
        second: (T050, u8),
        other: OsString,
        points: Vec<Point>,
    },
}
content!(enum T318 3 {
    0 Power { bundle: a0 b0 }
    1 Exam {}
    2 Nested { origin: a0 b0, first: a1 b1, second: a2 b2, other: a3 b3, points: a4 b4 }
});

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T319 {
    pub(crate) parts: String,
    pub(crate) first: Option<T316>,
    pub(crate) second: T008,
    pub(crate) third: BTreeMap<String, T052>,
    pub(crate) other: Mutex<u16>,
    pub(crate) points: Option<Color>,
}
content!(struct T319 { parts, first, second, third, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T320 {
    pub(crate) name: Box<f64>,
    pub(crate) first: BTreeMap<String, T048>,
    pub(crate) other: VecDeque<i64>,
    pub(crate) points: Vec<Point>,
}
content!(struct T320 { name, first, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T321 {
    Cable(f64, i64, bool),
    Refund,
    Nested {
        name: Option<f64>,
        first: Box<T061>,
        second: Box<T019>,
        other: Option<Duration>,
        points: BTreeMap<Color, Point>,
    },
}
content!(enum T321 3 {
    0 Cable { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Refund {}
    2 Nested { name: a0 b0, first: a1 b1, second: a2 b2, other: a3 b3, points: a4 b4 }
});

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T322 {
    pub(crate) weight: u64,
    pub(crate) origin: String,
    pub(crate) first: T014,
    pub(crate) second: Box<T049>,
    pub(crate) third: Option<T119>,
    pub(crate) other: Result<f64, BTreeMap<String, i8>>,
    pub(crate) points: Vec<Point>,
}
content!(struct T322 { weight, origin, first, second, third, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T323 {
    pub(crate) limit: u64,
    pub(crate) first: HashMap<u8, T005>,
    pub(crate) other: Vec<Box<char>>,
    pub(crate) points: Point,
}
content!(struct T323 { limit, first, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T324 {
    Rent(Option<HashMap<String, i32>>),
    Power(String),
    Nested {
        limit: u8,
        first: Box<T128>,
        second: Vec<T130>,
        other: Arc<[BTreeMap<String, bool>]>,
        points: Point,
    },
}
content!(enum T324 3 {
    0 Rent { 0: a0 b0 }
    1 Power { 0: a0 b0 }
    2 Nested { limit: a0 b0, first: a1 b1, second: a2 b2, other: a3 b3, points: a4 b4 }
});

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T325 {
    pub(crate) tags: String,
    pub(crate) first: BTreeMap<String, T019>,
    pub(crate) second: Box<T128>,
    pub(crate) third: Vec<T050>,
    pub(crate) other: VecDeque<String>,
    pub(crate) points: Vec<Point>,
}
content!(struct T325 { tags, first, second, third, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T326 {
    pub(crate) parts: u8,
    pub(crate) weight: i32,
    pub(crate) first: BTreeMap<String, T323>,
    pub(crate) other: Box<str>,
    pub(crate) points: Option<Color>,
}
content!(struct T326 { parts, weight, first, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T327 {
    Exam,
    Toll {
        code: u32,
        tags: Vec<i64>,
    },
    Nested {
        owner: String,
        first: Box<T324>,
        second: Box<T057>,
        other: BTreeMap<Vec<u8>, i32>,
        points: BTreeMap<Color, Point>,
    },
}
content!(enum T327 3 {
    0 Exam {}
    1 Toll { code: a0 b0, tags: a1 b1 }
    2 Nested { owner: a0 b0, first: a1 b1, second: a2 b2, other: a3 b3, points: a4 b4 }
});

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T328 {
    pub(crate) rate: f64,
    pub(crate) code: u16,
    pub(crate) first: Option<T054>,
    pub(crate) second: (T129, u8),
    pub(crate) third: Vec<T028>,
    pub(crate) other: u32,
    pub(crate) points: BTreeMap<Color, Point>,
}
content!(struct T328 { rate, code, first, second, third, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T329 {
    pub(crate) price: u32,
    pub(crate) stock: i16,
    pub(crate) first: T323,
    pub(crate) other: [u8; 32],
    pub(crate) points: BTreeMap<Color, Point>,
}
content!(struct T329 { price, stock, first, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T330 {
    Data {
        rate: u8,
        code: String,
        tags: u8,
        bundle: BTreeMap<String, String>,
    },
    Betting,
    Nested {
        state: u8,
        limit: u32,
        first: Box<T127>,
        second: T027,
        other: Box<[char]>,
        points: Point,
    },
}
content!(enum T330 3 {
    0 Data { rate: a0 b0, code: a1 b1, tags: a2 b2, bundle: a3 b3 }
    1 Betting {}
    2 Nested { state: a0 b0, limit: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T331 {
    pub(crate) origin: String,
    pub(crate) expires: i32,
    pub(crate) first: T117,
    pub(crate) second: Option<T031>,
    pub(crate) third: BTreeMap<String, T025>,
    pub(crate) other: f64,
    pub(crate) points: Point,
}
content!(struct T331 { origin, expires, first, second, third, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T332 {
    pub(crate) state: BTreeMap<String, i32>,
    pub(crate) limit: ((i32, u16), BTreeMap<String, u64>),
    pub(crate) first: T320,
    pub(crate) other: BTreeMap<i16, String>,
    pub(crate) points: Vec<Point>,
}
content!(struct T332 { state, limit, first, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T333 {
    Data(Box<[i16; 3]>, u16),
    Betting {
        code: i64,
        tags: i64,
        bundle: (f64, Box<u8>),
    },
    Nested {
        code: Box<bool>,
        tags: char,
        first: BTreeMap<String, T123>,
        second: BTreeMap<String, T054>,
        other: i16,
        points: BTreeMap<Color, Point>,
    },
}
content!(enum T333 3 {
    0 Data { 0: a0 b0, 1: a1 b1 }
    1 Betting { code: a0 b0, tags: a1 b1, bundle: a2 b2 }
    2 Nested { code: a0 b0, tags: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T334 {
    pub(crate) expires: HashMap<String, Box<u8>>,
    pub(crate) first: Box<T019>,
    pub(crate) second: Box<T000>,
    pub(crate) third: HashMap<u8, T013>,
    pub(crate) other: Option<u8>,
    pub(crate) points: Vec<Point>,
}
content!(struct T334 { expires, first, second, third, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T335 {
    pub(crate) limit: [u32; 3],
    pub(crate) first: Box<T320>,
    pub(crate) other: Vec<Result<String, [i8; 3]>>,
    pub(crate) points: Vec<Point>,
}
content!(struct T335 { limit, first, other, points });
