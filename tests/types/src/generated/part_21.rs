//! Generated types, part 21: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T336>("T336", "all of these inside one another");
    judge.values_of::<T337>("T337", "all of these inside one another");
    judge.values_of::<T338>("T338", "all of these inside one another");
    judge.values_of::<T339>("T339", "all of these inside one another");
    judge.values_of::<T340>("T340", "all of these inside one another");
    judge.values_of::<T341>("T341", "all of these inside one another");
    judge.values_of::<T342>("T342", "all of these inside one another");
    judge.values_of::<T343>("T343", "all of these inside one another");
    judge.values_of::<T344>("T344", "all of these inside one another");
    judge.values_of::<T345>("T345", "all of these inside one another");
    judge.values_of::<T346>("T346", "all of these inside one another");
    judge.values_of::<T347>("T347", "all of these inside one another");
    judge.values_of::<T348>("T348", "all of these inside one another");
    judge.values_of::<T349>("T349", "all of these inside one another");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T336 {
    Toll {
        stock: BTreeMap<String, i16>,
        rate: Option<String>,
        code: i32,
        tags: Option<u16>,
    },
    Data(u8, char, i16),
    Nested {
        price: u16,
        stock: Vec<u16>,
        first: BTreeMap<String, T002>,
        second: (T332, u8),
        other: HashMap<Color, Vec<Point>>,
        points: Option<Color>,
    },
}
content!(enum T336 3 {
    0 Toll { stock: a0 b0, rate: a1 b1, code: a2 b2, tags: a3 b3 }
    1 Data { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    2 Nested { price: a0 b0, stock: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T337 {
    pub(crate) parts: i8,
    pub(crate) weight: i32,
    pub(crate) first: Box<T058>,
    pub(crate) second: T014,
    pub(crate) third: Box<T026>,
    pub(crate) other: Option<i128>,
    pub(crate) points: Option<Color>,
}
content!(struct T337 { parts, weight, first, second, third, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T338 {
    pub(crate) stock: [u16; 3],
    pub(crate) first: BTreeMap<String, T012>,
    pub(crate) other: NonZeroI64,
    pub(crate) points: Vec<Point>,
}
content!(struct T338 { stock, first, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T339 {
    Airtime {
        weight: Option<String>,
    },
    Cable(BTreeMap<String, u8>),
    Nested {
        name: [f64; 3],
        state: f64,
        first: T327,
        second: T329,
        other: i128,
        points: Option<Color>,
    },
}
content!(enum T339 3 {
    0 Airtime { weight: a0 b0 }
    1 Cable { 0: a0 b0 }
    2 Nested { name: a0 b0, state: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T340 {
    pub(crate) stock: (String, u64),
    pub(crate) rate: i16,
    pub(crate) first: Box<T320>,
    pub(crate) second: Option<T031>,
    pub(crate) third: T336,
    pub(crate) other: BTreeMap<Point, Color>,
    pub(crate) points: Vec<Point>,
}
content!(struct T340 { stock, rate, first, second, third, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T341 {
    pub(crate) code: BTreeMap<String, f64>,
    pub(crate) tags: u8,
    pub(crate) first: Vec<T337>,
    pub(crate) other: Option<f64>,
    pub(crate) points: Option<Color>,
}
content!(struct T341 { code, tags, first, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T342 {
    Betting,
    Gift([u64; 3]),
    Nested {
        origin: (i16, Option<u8>),
        expires: f64,
        first: Option<T336>,
        second: Option<T055>,
        other: [f32; 3],
        points: Point,
    },
}
content!(enum T342 3 {
    0 Betting {}
    1 Gift { 0: a0 b0 }
    2 Nested { origin: a0 b0, expires: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T343 {
    pub(crate) parts: i16,
    pub(crate) first: Box<T316>,
    pub(crate) second: Vec<T009>,
    pub(crate) third: Box<T029>,
    pub(crate) other: Option<(i64, u8)>,
    pub(crate) points: Point,
}
content!(struct T343 { parts, first, second, third, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T344 {
    pub(crate) origin: String,
    pub(crate) first: Vec<T340>,
    pub(crate) other: NonZeroU8,
    pub(crate) points: BTreeMap<Color, Point>,
}
content!(struct T344 { origin, first, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T345 {
    Gift {
        owner: u32,
        name: Vec<f64>,
        state: f64,
        limit: i8,
    },
    Airtime(i64),
    Nested {
        rate: Vec<u64>,
        first: Option<T116>,
        second: HashMap<u8, T060>,
        other: Option<Vec<HashMap<String, String>>>,
        points: Point,
    },
}
content!(enum T345 3 {
    0 Gift { owner: a0 b0, name: a1 b1, state: a2 b2, limit: a3 b3 }
    1 Airtime { 0: a0 b0 }
    2 Nested { rate: a0 b0, first: a1 b1, second: a2 b2, other: a3 b3, points: a4 b4 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T346 {
    pub(crate) notes: [u8; 3],
    pub(crate) first: HashMap<u8, T008>,
    pub(crate) second: BTreeMap<String, T008>,
    pub(crate) third: T331,
    pub(crate) other: Cow<'static, [u8]>,
    pub(crate) points: BTreeMap<Color, Point>,
}
content!(struct T346 { notes, first, second, third, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T347 {
    pub(crate) rate: BTreeMap<String, u32>,
    pub(crate) first: Box<T021>,
    pub(crate) other: [Box<u8>; 3],
    pub(crate) points: Vec<Point>,
}
content!(struct T347 { rate, first, other, points });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T348 {
    Data {
        price: f64,
        stock: u8,
        rate: u64,
    },
    Betting {
        owner: i32,
        name: i64,
    },
    Nested {
        weight: String,
        origin: u32,
        first: Option<T018>,
        second: BTreeMap<String, T008>,
        other: Ipv6Addr,
        points: BTreeMap<Color, Point>,
    },
}
content!(enum T348 3 {
    0 Data { price: a0 b0, stock: a1 b1, rate: a2 b2 }
    1 Betting { owner: a0 b0, name: a1 b1 }
    2 Nested { weight: a0 b0, origin: a1 b1, first: a2 b2, second: a3 b3, other: a4 b4, points: a5 b5 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T349 {
    pub(crate) origin: String,
    pub(crate) first: T028,
    pub(crate) second: BTreeMap<String, T327>,
    pub(crate) third: T322,
    pub(crate) other: SystemTime,
    pub(crate) points: Vec<Point>,
}
content!(struct T349 { origin, first, second, third, other, points });
