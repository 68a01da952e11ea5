//! Generated types, part 0: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T000>("T000", "struct with named fields");
    judge.values_of::<T001>("T001", "struct with named fields");
    judge.values_of::<T002>("T002", "struct with named fields");
    judge.values_of::<T003>("T003", "struct with named fields");
    judge.values_of::<T004>("T004", "struct with named fields");
    judge.values_of::<T005>("T005", "struct with named fields");
    judge.values_of::<T006>("T006", "struct with named fields");
    judge.values_of::<T007>("T007", "struct with named fields");
    judge.values_of::<T008>("T008", "struct with named fields");
    judge.values_of::<T009>("T009", "struct with named fields");
    judge.values_of::<T010>("T010", "struct with named fields");
    judge.values_of::<T011>("T011", "struct with named fields");
    judge.values_of::<T012>("T012", "tuple struct");
    judge.values_of::<T013>("T013", "tuple struct");
    judge.values_of::<T014>("T014", "tuple struct");
    judge.values_of::<T015>("T015", "tuple struct");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T000 {
    pub(crate) name: String,
    pub(crate) state: u8,
}
content!(struct T000 { name, state });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T001 {
    pub(crate) price: bool,
    pub(crate) stock: [(f64, String); 3],
    pub(crate) rate: Box<char>,
    pub(crate) code: i64,
    pub(crate) tags: u8,
}
content!(struct T001 { price, stock, rate, code, tags });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T002 {
    pub(crate) tags: i32,
    pub(crate) bundle: HashMap<String, i16>,
    pub(crate) parts: u32,
    pub(crate) weight: u16,
    pub(crate) origin: String,
    pub(crate) expires: i32,
}
content!(struct T002 { tags, bundle, parts, weight, origin, expires });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T003 {
    pub(crate) name: u64,
    pub(crate) state: u16,
    pub(crate) limit: String,
}
content!(struct T003 { name, state, limit });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T004 {
    pub(crate) name: i32,
    pub(crate) state: i8,
    pub(crate) limit: f64,
}
content!(struct T004 { name, state, limit });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T005 {
    pub(crate) owner: Vec<String>,
    pub(crate) name: i32,
    pub(crate) state: [i8; 3],
    pub(crate) limit: char,
}
content!(struct T005 { owner, name, state, limit });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T006 {
    pub(crate) notes: Option<i8>,
    pub(crate) owner: Vec<i32>,
    pub(crate) name: BTreeMap<String, i16>,
}
content!(struct T006 { notes, owner, name });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T007 {
    pub(crate) owner: char,
    pub(crate) name: i16,
    pub(crate) state: BTreeMap<String, f64>,
    pub(crate) limit: u8,
}
content!(struct T007 { owner, name, state, limit });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T008 {
    pub(crate) limit: [BTreeMap<String, i16>; 3],
}
content!(struct T008 { limit });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T009 {
    pub(crate) expires: Option<u32>,
    pub(crate) level: u8,
}
content!(struct T009 { expires, level });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T010 {
    pub(crate) expires: u16,
    pub(crate) level: Option<i16>,
    pub(crate) notes: [[u16; 3]; 3],
    pub(crate) owner: (u16, i32),
    pub(crate) name: String,
}
content!(struct T010 { expires, level, notes, owner, name });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T011 {
    pub(crate) notes: (i8, u16),
    pub(crate) owner: f64,
    pub(crate) name: i32,
    pub(crate) state: [Box<char>; 3],
    pub(crate) limit: BTreeMap<String, u64>,
    pub(crate) price: u32,
}
content!(struct T011 { notes, owner, name, state, limit, price });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T012(pub(crate) u8, pub(crate) bool, pub(crate) Option<f64>, pub(crate) (String, u16));
content!(struct T012 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T013(pub(crate) (bool, Option<char>), pub(crate) u32, pub(crate) String, pub(crate) u16);
content!(struct T013 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T014(pub(crate) u8, pub(crate) String);
content!(struct T014 { 0, 1 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T015(pub(crate) BTreeMap<String, i64>, pub(crate) Box<f64>);
content!(struct T015 { 0, 1 });
