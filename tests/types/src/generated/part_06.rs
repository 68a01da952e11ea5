//! Generated types, part 6: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// a newtype of bytes or of text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T144(pub(crate) VecDeque<u8>);
content!(struct T144 { 0 });

// a newtype of bytes or of text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T145(pub(crate) PathBuf);
content!(struct T145 { 0 });

// a newtype of bytes or of text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T146(pub(crate) CString);
content!(struct T146 { 0 });

// a newtype of bytes or of text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T147(pub(crate) Vec<Wrapping<u8>>);
content!(struct T147 { 0 });

// integers of up to 64 bits, `bool`, `char`, text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T148 {
    pub(crate) tags: bool,
    pub(crate) bundle: u8,
    pub(crate) parts: u16,
    pub(crate) weight: u16,
}
content!(struct T148 { tags, bundle, parts, weight });

// integers of up to 64 bits, `bool`, `char`, text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T149(pub(crate) u32, pub(crate) u64, pub(crate) usize, pub(crate) u16);
content!(struct T149 { 0, 1, 2, 3 });

// integers of up to 64 bits, `bool`, `char`, text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T150(pub(crate) i8, pub(crate) i16, pub(crate) i32, pub(crate) u16);
content!(struct T150 { 0, 1, 2, 3 });

// integers of up to 64 bits, `bool`, `char`, text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T151(pub(crate) i64, pub(crate) isize, pub(crate) char, pub(crate) u16);
content!(struct T151 { 0, 1, 2, 3 });

// integers of up to 64 bits, `bool`, `char`, text
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T152(pub(crate) String, pub(crate) Box<str>, pub(crate) u16);
content!(struct T152 { 0, 1, 2 });

// `i128`, `u128`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T153 {
    pub(crate) stock: i128,
    pub(crate) rate: u128,
    pub(crate) code: Vec<u128>,
    pub(crate) tags: u16,
}
content!(struct T153 { stock, rate, code, tags });

// `i128`, `u128`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T154(pub(crate) Option<i128>, pub(crate) BTreeMap<u128, i128>, pub(crate) u16);
content!(struct T154 { 0, 1, 2 });

// `f32`, `f64`, also NaN, infinite and -0
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T155 {
    pub(crate) limit: f32,
    pub(crate) price: f64,
    pub(crate) stock: Vec<f32>,
    pub(crate) rate: u16,
}
content!(struct T155 { limit, price, stock, rate });

// `f32`, `f64`, also NaN, infinite and -0
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T156(pub(crate) Option<f64>, pub(crate) [f32; 3], pub(crate) u16);
content!(struct T156 { 0, 1, 2 });

// `Vec`, `VecDeque`, `LinkedList`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T157 {
    pub(crate) name: Vec<(i8, f64)>,
    pub(crate) state: VecDeque<i32>,
    pub(crate) limit: LinkedList<u32>,
    pub(crate) price: u16,
}
content!(struct T157 { name, state, limit, price });

// `Vec`, `VecDeque`, `LinkedList`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T158(pub(crate) Vec<u8>, pub(crate) VecDeque<u8>, pub(crate) Vec<Vec<i8>>, pub(crate) u16);
content!(struct T158 { 0, 1, 2, 3 });

// `Vec`, `VecDeque`, `LinkedList`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T159(pub(crate) Box<[(i64, i8)]>, pub(crate) u16);
content!(struct T159 { 0, 1 });

// `HashSet`, `BTreeSet`, `BinaryHeap`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T160 {
    pub(crate) price: HashSet<bool>,
    pub(crate) stock: BTreeSet<i16>,
    pub(crate) rate: BinaryHeap<i8>,
    pub(crate) code: u16,
}
content!(struct T160 { price, stock, rate, code });

// `HashSet`, `BTreeSet`, `BinaryHeap`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T161(pub(crate) BTreeSet<u8>, pub(crate) BinaryHeap<u8>, pub(crate) u16);
content!(struct T161 { 0, 1, 2 });

// `HashMap`, `BTreeMap`, whatever the key
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T162 {
    pub(crate) state: HashMap<i64, String>,
    pub(crate) limit: BTreeMap<i64, HashMap<String, i64>>,
    pub(crate) price: BTreeMap<(u8, String), Box<char>>,
    pub(crate) stock: u16,
}
content!(struct T162 { state, limit, price, stock });

// `HashMap`, `BTreeMap`, whatever the key
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T163(pub(crate) BTreeMap<Vec<u8>, [String; 3]>, pub(crate) HashMap<Option<u8>, bool>, pub(crate) u16);
content!(struct T163 { 0, 1, 2 });

// arrays and tuples
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T164 {
    pub(crate) owner: [f64; 3],
    pub(crate) name: [u8; 32],
    pub(crate) state: ((f64, String), u16),
    pub(crate) limit: u16,
}
content!(struct T164 { owner, name, state, limit });

// arrays and tuples
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T165(pub(crate) (Option<bool>,), pub(crate) (String, HashMap<String, char>, Option<String>, String), pub(crate) [[u8; 2]; 2], pub(crate) u16);
content!(struct T165 { 0, 1, 2, 3 });

// arrays and tuples
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T166(pub(crate) [u8; 0], pub(crate) u16);
content!(struct T166 { 0, 1 });

// `Option`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T167 {
    pub(crate) name: Option<Vec<i64>>,
    pub(crate) state: Option<String>,
    pub(crate) limit: Option<Vec<u8>>,
    pub(crate) price: u16,
}
content!(struct T167 { name, state, limit, price });
