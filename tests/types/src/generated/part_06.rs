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
    pub(crate) notes: bool,
    pub(crate) owner: u8,
    pub(crate) name: u16,
    pub(crate) state: u16,
}
content!(struct T148 { notes, owner, name, state });

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
    pub(crate) level: i128,
    pub(crate) notes: u128,
    pub(crate) owner: Vec<u128>,
    pub(crate) name: u16,
}
content!(struct T153 { level, notes, owner, name });

// `i128`, `u128`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T154(pub(crate) Option<i128>, pub(crate) BTreeMap<u128, i128>, pub(crate) u16);
content!(struct T154 { 0, 1, 2 });

// `f32`, `f64`, also NaN, infinite and -0
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T155 {
    pub(crate) price: f32,
    pub(crate) stock: f64,
    pub(crate) rate: Vec<f32>,
    pub(crate) code: u16,
}
content!(struct T155 { price, stock, rate, code });

// `f32`, `f64`, also NaN, infinite and -0
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T156(pub(crate) Option<f64>, pub(crate) [f32; 3], pub(crate) u16);
content!(struct T156 { 0, 1, 2 });

// `Vec`, `VecDeque`, `LinkedList`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T157 {
    pub(crate) owner: Vec<String>,
    pub(crate) name: VecDeque<u64>,
    pub(crate) state: LinkedList<HashMap<String, i64>>,
    pub(crate) limit: u16,
}
content!(struct T157 { owner, name, state, limit });

// `Vec`, `VecDeque`, `LinkedList`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T158(pub(crate) Vec<u8>, pub(crate) VecDeque<u8>, pub(crate) Vec<Vec<u32>>, pub(crate) u16);
content!(struct T158 { 0, 1, 2, 3 });

// `Vec`, `VecDeque`, `LinkedList`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T159(pub(crate) Box<[[String; 3]]>, pub(crate) u16);
content!(struct T159 { 0, 1 });

// `HashSet`, `BTreeSet`, `BinaryHeap`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T160 {
    pub(crate) notes: HashSet<u16>,
    pub(crate) owner: BTreeSet<(char, char)>,
    pub(crate) name: BinaryHeap<Vec<String>>,
    pub(crate) state: u16,
}
content!(struct T160 { notes, owner, name, state });

// `HashSet`, `BTreeSet`, `BinaryHeap`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T161(pub(crate) BTreeSet<u8>, pub(crate) BinaryHeap<u8>, pub(crate) u16);
content!(struct T161 { 0, 1, 2 });

// `HashMap`, `BTreeMap`, whatever the key
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T162 {
    pub(crate) tags: HashMap<bool, String>,
    pub(crate) bundle: BTreeMap<bool, HashMap<String, i16>>,
    pub(crate) parts: BTreeMap<(u8, String), Option<u64>>,
    pub(crate) weight: u16,
}
content!(struct T162 { tags, bundle, parts, weight });

// `HashMap`, `BTreeMap`, whatever the key
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T163(pub(crate) BTreeMap<Vec<u8>, u8>, pub(crate) HashMap<Option<u8>, u16>, pub(crate) u16);
content!(struct T163 { 0, 1, 2 });

// arrays and tuples
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T164 {
    pub(crate) bundle: [Option<String>; 3],
    pub(crate) parts: [u8; 32],
    pub(crate) weight: (u16, HashMap<String, bool>),
    pub(crate) origin: u16,
}
content!(struct T164 { bundle, parts, weight, origin });

// arrays and tuples
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T165(pub(crate) (i8,), pub(crate) (u64, Option<bool>, Box<u32>, char), pub(crate) [[u8; 2]; 2], pub(crate) u16);
content!(struct T165 { 0, 1, 2, 3 });

// arrays and tuples
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T166(pub(crate) [(char, i16); 0], pub(crate) u16);
content!(struct T166 { 0, 1 });

// `Option`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T167 {
    pub(crate) notes: Option<u64>,
    pub(crate) owner: Option<String>,
    pub(crate) name: Option<Vec<[String; 3]>>,
    pub(crate) state: u16,
}
content!(struct T167 { notes, owner, name, state });
