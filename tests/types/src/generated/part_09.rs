//! Generated types, part 9: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T144>("T144", "a newtype of bytes or of text");
    judge.values_of::<T145>("T145", "a newtype of bytes or of text");
    judge.values_of::<T146>("T146", "a newtype of bytes or of text");
    judge.values_of::<T147>("T147", "a newtype of bytes or of text");
    judge.values_of::<T148>("T148", "integers of up to 64 bits, `bool`, `char`, text");
    judge.values_of::<T149>("T149", "integers of up to 64 bits, `bool`, `char`, text");
    judge.values_of::<T150>("T150", "integers of up to 64 bits, `bool`, `char`, text");
    judge.values_of::<T151>("T151", "integers of up to 64 bits, `bool`, `char`, text");
    judge.values_of::<T152>("T152", "integers of up to 64 bits, `bool`, `char`, text");
    judge.values_of::<T153>("T153", "`i128`, `u128`");
    judge.values_of::<T154>("T154", "`i128`, `u128`");
    judge.values_of::<T155>("T155", "`f32`, `f64`, including NaN, the infinities and -0");
    judge.values_of::<T156>("T156", "`f32`, `f64`, including NaN, the infinities and -0");
    judge.values_of::<T157>("T157", "`Vec`, `VecDeque`, `LinkedList`");
    judge.values_of::<T158>("T158", "`Vec`, `VecDeque`, `LinkedList`");
    judge.values_of::<T159>("T159", "`Vec`, `VecDeque`, `LinkedList`");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T144(pub(crate) VecDeque<u8>);
content!(struct T144 { 0 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T145(pub(crate) PathBuf);
content!(struct T145 { 0 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T146(pub(crate) CString);
content!(struct T146 { 0 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T147(pub(crate) Vec<Wrapping<u8>>);
content!(struct T147 { 0 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T148 {
    pub(crate) notes: bool,
    pub(crate) owner: u8,
    pub(crate) name: u16,
    pub(crate) state: u16,
}
content!(struct T148 { notes, owner, name, state });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T149(pub(crate) u32, pub(crate) u64, pub(crate) usize, pub(crate) u16);
content!(struct T149 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T150(pub(crate) i8, pub(crate) i16, pub(crate) i32, pub(crate) u16);
content!(struct T150 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T151(pub(crate) i64, pub(crate) isize, pub(crate) char, pub(crate) u16);
content!(struct T151 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T152(pub(crate) String, pub(crate) Box<str>, pub(crate) u16);
content!(struct T152 { 0, 1, 2 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T153 {
    pub(crate) level: i128,
    pub(crate) notes: u128,
    pub(crate) owner: Vec<u128>,
    pub(crate) name: u16,
}
content!(struct T153 { level, notes, owner, name });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T154(pub(crate) Option<i128>, pub(crate) BTreeMap<u128, i128>, pub(crate) u16);
content!(struct T154 { 0, 1, 2 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T155 {
    pub(crate) price: f32,
    pub(crate) stock: f64,
    pub(crate) rate: Vec<f32>,
    pub(crate) code: u16,
}
content!(struct T155 { price, stock, rate, code });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T156(pub(crate) Option<f64>, pub(crate) [f32; 3], pub(crate) u16);
content!(struct T156 { 0, 1, 2 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T157 {
    pub(crate) owner: Vec<String>,
    pub(crate) name: VecDeque<u64>,
    pub(crate) state: LinkedList<HashMap<String, i64>>,
    pub(crate) limit: u16,
}
content!(struct T157 { owner, name, state, limit });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T158(pub(crate) Vec<u8>, pub(crate) VecDeque<u8>, pub(crate) Vec<Vec<u32>>, pub(crate) u16);
content!(struct T158 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T159(pub(crate) Box<[[String; 3]]>, pub(crate) u16);
content!(struct T159 { 0, 1 });
