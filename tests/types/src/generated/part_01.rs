//! Generated types, part 1: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T016>("T016", "tuple struct");
    judge.values_of::<T017>("T017", "tuple struct");
    judge.values_of::<T018>("T018", "tuple struct");
    judge.values_of::<T019>("T019", "tuple struct");
    judge.values_of::<T020>("T020", "newtype struct, `transparent`");
    judge.values_of::<T021>("T021", "newtype struct, `transparent`");
    judge.values_of::<T022>("T022", "newtype struct, `transparent`");
    judge.values_of::<T023>("T023", "newtype struct, `transparent`");
    judge.values_of::<T024>("T024", "newtype struct, `transparent`");
    judge.values_of::<T025>("T025", "newtype struct, `transparent`");
    judge.values_of::<T026>("T026", "newtype struct, `transparent`");
    judge.values_of::<T027>("T027", "newtype struct, `transparent`");
    judge.values_of::<T028>("T028", "newtype struct, `transparent`");
    judge.values_of::<T029>("T029", "newtype struct, `transparent`");
    judge.values_of::<T030>("T030", "newtype struct, `transparent`");
    judge.values_of::<T031>("T031", "newtype struct, `transparent`");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T016(pub(crate) char, pub(crate) HashMap<String, Box<char>>, pub(crate) i16);
content!(struct T016 { 0, 1, 2 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T017(pub(crate) char, pub(crate) u32, pub(crate) i32, pub(crate) u32, pub(crate) u8);
content!(struct T017 { 0, 1, 2, 3, 4 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T018(pub(crate) String, pub(crate) i64, pub(crate) HashMap<String, Vec<u32>>, pub(crate) u32);
content!(struct T018 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T019(pub(crate) bool, pub(crate) Vec<f64>, pub(crate) f64, pub(crate) bool);
content!(struct T019 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T020(pub(crate) HashMap<String, f64>);
content!(struct T020 { 0 });

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct T021(pub(crate) String);
content!(struct T021 { 0 });

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct T022 {
    pub(crate) state: i16,
}
content!(struct T022 { state });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T023(pub(crate) u32);
content!(struct T023 { 0 });

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct T024(pub(crate) bool);
content!(struct T024 { 0 });

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct T025 {
    pub(crate) rate: i8,
}
content!(struct T025 { rate });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T026(pub(crate) String);
content!(struct T026 { 0 });

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct T027(pub(crate) String);
content!(struct T027 { 0 });

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct T028 {
    pub(crate) level: i64,
}
content!(struct T028 { level });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T029(pub(crate) Box<i32>);
content!(struct T029 { 0 });

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct T030(pub(crate) u16);
content!(struct T030 { 0 });

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct T031 {
    pub(crate) rate: i64,
}
content!(struct T031 { rate });
