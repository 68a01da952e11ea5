//! Generated types, part 14: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T336 {
    Power {
        weight: u16,
        origin: u16,
        expires: HashMap<String, i8>,
        level: HashMap<String, i64>,
    },
    Exam,
    Nested {
        parts: u32,
        weight: u16,
        first: (T327, u8),
        second: Vec<T008>,
        other: Vec<f32>,
        points: BTreeMap<Color, Point>,
    },
}
content!(enum T336 3 {
    0 Power { weight: a0 b0, origin: a1 b1, expires: a2 b2, level: a3 b3 }
    1 Exam {}
    2 Nested { parts: a0 b0, weight: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T337 {
    pub(crate) owner: u32,
    pub(crate) first: HashMap<u8, T121>,
    pub(crate) second: HashMap<u8, T000>,
    pub(crate) third: Vec<T051>,
    pub(crate) other: BinaryHeap<i64>,
    pub(crate) points: BTreeMap<Color, Point>,
}
content!(struct T337 { owner, first, second, third, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T338 {
    pub(crate) state: (i16, bool),
    pub(crate) limit: HashMap<String, u32>,
    pub(crate) first: HashMap<u8, T328>,
    pub(crate) other: Result<u8, u16>,
    pub(crate) points: Option<Color>,
}
content!(struct T338 { state, limit, first, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T339 {
    Toll {
        stock: BTreeMap<String, i16>,
        rate: Option<i64>,
        code: i32,
        tags: Option<Box<String>>,
    },
    Data(char, i16, String),
    Nested {
        price: u16,
        stock: Vec<u16>,
        first: BTreeMap<String, T123>,
        second: (T011, u8),
        other: HashMap<Color, Vec<Point>>,
        points: Option<Color>,
    },
}
content!(enum T339 3 {
    0 Toll { stock: a0 b0, rate: a1 b1, code: a2 b2, tags: a3 b3 }
    1 Data { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    2 Nested { price: a0 b0, stock: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T340 {
    pub(crate) owner: i32,
    pub(crate) name: [(u64, u32); 3],
    pub(crate) first: Box<T123>,
    pub(crate) second: Box<T010>,
    pub(crate) third: Vec<T125>,
    pub(crate) other: Option<Vec<u16>>,
    pub(crate) points: BTreeMap<Color, Point>,
}
content!(struct T340 { owner, name, first, second, third, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T341 {
    pub(crate) bundle: i8,
    pub(crate) parts: f64,
    pub(crate) first: T057,
    pub(crate) other: Saturating<i32>,
    pub(crate) points: Vec<Point>,
}
content!(struct T341 { bundle, parts, first, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T342 {
    Gift(Option<u16>, (String, u64), i16),
    Airtime {
        state: HashMap<String, String>,
        limit: u64,
        price: bool,
        stock: i32,
    },
    Nested {
        limit: i16,
        first: HashMap<u8, T119>,
        second: Box<T056>,
        other: BTreeMap<Vec<u64>, Option<String>>,
        points: BTreeMap<Color, Point>,
    },
}
content!(enum T342 3 {
    0 Gift { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Airtime { state: a0 b0, limit: a1 b1, price: a2 b2, stock: a3 b3 }
    2 Nested { limit: a0 b0, first: a1 b1, second: a2 b2, other: a3 b3, points: a4 b4 }
});

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T343 {
    pub(crate) tags: String,
    pub(crate) bundle: BTreeMap<String, f64>,
    pub(crate) first: BTreeMap<String, T059>,
    pub(crate) second: (T127, u8),
    pub(crate) third: HashMap<u8, T131>,
    pub(crate) other: Vec<PathBuf>,
    pub(crate) points: Vec<Point>,
}
content!(struct T343 { tags, bundle, first, second, third, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T344 {
    pub(crate) notes: i16,
    pub(crate) owner: Option<u16>,
    pub(crate) first: HashMap<u8, T317>,
    pub(crate) other: [f32; 3],
    pub(crate) points: Vec<Point>,
}
content!(struct T344 { notes, owner, first, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T345 {
    Refund {
        rate: i16,
        code: HashMap<String, Vec<char>>,
        tags: Vec<i64>,
        bundle: (u16, [u16; 3]),
    },
    Rent,
    Nested {
        owner: u64,
        name: u64,
        first: Vec<T342>,
        second: Vec<T052>,
        other: HashMap<Option<u8>, bool>,
        points: Option<Color>,
    },
}
content!(enum T345 3 {
    0 Refund { rate: a0 b0, code: a1 b1, tags: a2 b2, bundle: a3 b3 }
    1 Rent {}
    2 Nested { owner: a0 b0, name: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T346 {
    pub(crate) weight: u64,
    pub(crate) first: Vec<T054>,
    pub(crate) second: T013,
    pub(crate) third: T024,
    pub(crate) other: Vec<HashMap<String, u32>>,
    pub(crate) points: BTreeMap<Color, Point>,
}
content!(struct T346 { weight, first, second, third, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T347 {
    pub(crate) parts: u64,
    pub(crate) first: BTreeMap<String, T314>,
    pub(crate) other: OsString,
    pub(crate) points: Option<Color>,
}
content!(struct T347 { parts, first, other, points });

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T348 {
    Gift {
        limit: bool,
        price: Box<Option<String>>,
        stock: u8,
    },
    Airtime(char),
    Nested {
        price: f64,
        first: Option<T123>,
        second: BTreeMap<String, T124>,
        other: BinaryHeap<u8>,
        points: Point,
    },
}
content!(enum T348 3 {
    0 Gift { limit: a0 b0, price: a1 b1, stock: a2 b2 }
    1 Airtime { 0: a0 b0 }
    2 Nested { price: a0 b0, first: a1 b1, second: a2 b2, other: a3 b3, points: a4 b4 }
});

// all of these inside one another
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T349 {
    pub(crate) rate: BTreeMap<String, u32>,
    pub(crate) first: Box<T339>,
    pub(crate) second: T129,
    pub(crate) third: Vec<T128>,
    pub(crate) other: NonZeroI64,
    pub(crate) points: Point,
}
content!(struct T349 { rate, first, second, third, other, points });
