//! Generated types, part 20: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T320>("T320", "all of these inside one another");
    judge.values_of::<T321>("T321", "all of these inside one another");
    judge.values_of::<T322>("T322", "all of these inside one another");
    judge.values_of::<T323>("T323", "all of these inside one another");
    judge.values_of::<T324>("T324", "all of these inside one another");
    judge.values_of::<T325>("T325", "all of these inside one another");
    judge.values_of::<T326>("T326", "all of these inside one another");
    judge.values_of::<T327>("T327", "all of these inside one another");
    judge.values_of::<T328>("T328", "all of these inside one another");
    judge.values_of::<T329>("T329", "all of these inside one another");
    judge.values_of::<T330>("T330", "all of these inside one another");
    judge.values_of::<T331>("T331", "all of these inside one another");
    judge.values_of::<T332>("T332", "all of these inside one another");
    judge.values_of::<T333>("T333", "all of these inside one another");
    judge.values_of::<T334>("T334", "all of these inside one another");
    judge.values_of::<T335>("T335", "all of these inside one another");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T320 {
    pub(crate) limit: u64,
    pub(crate) first: HashMap<u8, T059>,
    pub(crate) other: Vec<Box<char>>,
    pub(crate) points: Point,
}
content!(struct T320 { limit, first, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T321 {
    Rent(Option<u8>),
    Power {
        limit: f64,
        price: String,
        stock: String,
        rate: i8,
    },
    Nested {
        limit: u8,
        first: Box<T025>,
        second: Vec<T018>,
        other: Arc<[BTreeMap<String, bool>]>,
        points: Point,
    },
}
content!(enum T321 3 {
    0 Rent { 0: a0 b0 }
    1 Power { limit: a0 b0, price: a1 b1, stock: a2 b2, rate: a3 b3 }
    2 Nested { limit: a0 b0, first: a1 b1, second: a2 b2, other: a3 b3, points: a4 b4 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T322 {
    pub(crate) stock: String,
    pub(crate) first: Box<T012>,
    pub(crate) second: Vec<T061>,
    pub(crate) third: Vec<T049>,
    pub(crate) other: RangeFrom<u8>,
    pub(crate) points: Option<Color>,
}
content!(struct T322 { stock, first, second, third, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T323 {
    pub(crate) owner: i32,
    pub(crate) name: f64,
    pub(crate) first: (T004, u8),
    pub(crate) other: Ipv6Addr,
    pub(crate) points: BTreeMap<Color, Point>,
}
content!(struct T323 { owner, name, first, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T324 {
    Exam,
    Toll {
        code: u32,
        tags: Vec<i64>,
    },
    Nested {
        origin: i32,
        expires: (i8, String),
        first: Box<T030>,
        second: Box<T020>,
        other: BTreeMap<Vec<u8>, i32>,
        points: BTreeMap<Color, Point>,
    },
}
content!(enum T324 3 {
    0 Exam {}
    1 Toll { code: a0 b0, tags: a1 b1 }
    2 Nested { origin: a0 b0, expires: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T325 {
    pub(crate) rate: f64,
    pub(crate) code: u16,
    pub(crate) first: Option<T018>,
    pub(crate) second: (T052, u8),
    pub(crate) third: Vec<T048>,
    pub(crate) other: u32,
    pub(crate) points: BTreeMap<Color, Point>,
}
content!(struct T325 { rate, code, first, second, third, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T326 {
    pub(crate) price: u32,
    pub(crate) stock: i16,
    pub(crate) first: T048,
    pub(crate) other: [u8; 32],
    pub(crate) points: BTreeMap<Color, Point>,
}
content!(struct T326 { price, stock, first, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T327 {
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
        first: Box<T118>,
        second: T061,
        other: Box<[char]>,
        points: Point,
    },
}
content!(enum T327 3 {
    0 Data { rate: a0 b0, code: a1 b1, tags: a2 b2, bundle: a3 b3 }
    1 Betting {}
    2 Nested { state: a0 b0, limit: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T328 {
    pub(crate) origin: String,
    pub(crate) expires: i32,
    pub(crate) first: T052,
    pub(crate) second: Option<T116>,
    pub(crate) third: BTreeMap<String, T315>,
    pub(crate) other: f64,
    pub(crate) points: Point,
}
content!(struct T328 { origin, expires, first, second, third, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T329 {
    pub(crate) state: BTreeMap<String, i32>,
    pub(crate) limit: ((i32, u16), BTreeMap<String, u64>),
    pub(crate) first: T121,
    pub(crate) other: BTreeMap<i16, String>,
    pub(crate) points: Vec<Point>,
}
content!(struct T329 { state, limit, first, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T330 {
    Data(Box<[i16; 3]>, u16),
    Betting {
        code: i64,
        tags: i64,
        bundle: (f64, Box<u8>),
    },
    Nested {
        code: Box<bool>,
        tags: char,
        first: BTreeMap<String, T026>,
        second: BTreeMap<String, T117>,
        other: i16,
        points: BTreeMap<Color, Point>,
    },
}
content!(enum T330 3 {
    0 Data { 0: a0 b0, 1: a1 b1 }
    1 Betting { code: a0 b0, tags: a1 b1, bundle: a2 b2 }
    2 Nested { code: a0 b0, tags: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T331 {
    pub(crate) expires: HashMap<String, Box<u8>>,
    pub(crate) first: Box<T012>,
    pub(crate) second: Box<T010>,
    pub(crate) third: HashMap<u8, T007>,
    pub(crate) other: Option<u64>,
    pub(crate) points: Vec<Point>,
}
content!(struct T331 { expires, first, second, third, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T332 {
    pub(crate) weight: u64,
    pub(crate) origin: [u32; 3],
    pub(crate) first: Box<T054>,
    pub(crate) other: Vec<Result<String, [i8; 3]>>,
    pub(crate) points: Vec<Point>,
}
content!(struct T332 { weight, origin, first, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T333 {
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
        first: (T130, u8),
        second: Vec<T008>,
        other: Vec<f32>,
        points: BTreeMap<Color, Point>,
    },
}
content!(enum T333 3 {
    0 Power { weight: a0 b0, origin: a1 b1, expires: a2 b2, level: a3 b3 }
    1 Exam {}
    2 Nested { parts: a0 b0, weight: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T334 {
    pub(crate) owner: u32,
    pub(crate) first: HashMap<u8, T315>,
    pub(crate) second: HashMap<u8, T049>,
    pub(crate) third: Vec<T125>,
    pub(crate) other: BinaryHeap<i64>,
    pub(crate) points: BTreeMap<Color, Point>,
}
content!(struct T334 { owner, first, second, third, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T335 {
    pub(crate) state: (i16, bool),
    pub(crate) limit: HashMap<String, u32>,
    pub(crate) first: HashMap<u8, T314>,
    pub(crate) other: Result<u8, u16>,
    pub(crate) points: Option<Color>,
}
content!(struct T335 { state, limit, first, other, points });
