//! Generated types, part 10: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T160>("T160", "`HashSet`, `BTreeSet`, `BinaryHeap`");
    judge.values_of::<T161>("T161", "`HashSet`, `BTreeSet`, `BinaryHeap`");
    judge.values_of::<T162>("T162", "`HashMap`, `BTreeMap`, whatever the key");
    judge.values_of::<T163>("T163", "`HashMap`, `BTreeMap`, whatever the key");
    judge.values_of::<T164>("T164", "arrays and tuples");
    judge.values_of::<T165>("T165", "arrays and tuples");
    judge.values_of::<T166>("T166", "arrays and tuples");
    judge.values_of::<T167>("T167", "`Option`");
    judge.values_of::<T168>("T168", "`Option`");
    judge.values_of::<T169>("T169", "`Option<Option<_>>`, `Option<()>`");
    judge.values_of::<T170>("T170", "`Option<Option<_>>`, `Option<()>`");
    judge.values_of::<T171>("T171", "`Box`, `Arc`, `Cow`");
    judge.values_of::<T172>("T172", "`Box`, `Arc`, `Cow`");
    judge.values_of::<T173>("T173", "`Rc`, `Cell`, `RefCell`, `Mutex`, `RwLock`, atomics");
    judge.values_of::<T174>("T174", "`Rc`, `Cell`, `RefCell`, `Mutex`, `RwLock`, atomics");
    judge.values_of::<T175>("T175", "`Rc`, `Cell`, `RefCell`, `Mutex`, `RwLock`, atomics");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T160 {
    pub(crate) notes: HashSet<u16>,
    pub(crate) owner: BTreeSet<(char, char)>,
    pub(crate) name: BinaryHeap<Vec<String>>,
    pub(crate) state: u16,
}
content!(struct T160 { notes, owner, name, state });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T161(pub(crate) BTreeSet<u8>, pub(crate) BinaryHeap<u8>, pub(crate) u16);
content!(struct T161 { 0, 1, 2 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T162 {
    pub(crate) tags: HashMap<bool, String>,
    pub(crate) bundle: BTreeMap<bool, HashMap<String, i16>>,
    pub(crate) parts: BTreeMap<(u8, String), Option<u64>>,
    pub(crate) weight: u16,
}
content!(struct T162 { tags, bundle, parts, weight });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T163(pub(crate) BTreeMap<Vec<u8>, u8>, pub(crate) HashMap<Option<u8>, u16>, pub(crate) u16);
content!(struct T163 { 0, 1, 2 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T164 {
    pub(crate) bundle: [Option<String>; 3],
    pub(crate) parts: [u8; 32],
    pub(crate) weight: (u16, HashMap<String, bool>),
    pub(crate) origin: u16,
}
content!(struct T164 { bundle, parts, weight, origin });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T165(pub(crate) (i8,), pub(crate) (u64, Option<bool>, Box<u32>, char), pub(crate) [[u8; 2]; 2], pub(crate) u16);
content!(struct T165 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T166(pub(crate) [(char, i16); 0], pub(crate) u16);
content!(struct T166 { 0, 1 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T167 {
    pub(crate) notes: Option<u64>,
    pub(crate) owner: Option<String>,
    pub(crate) name: Option<Vec<[String; 3]>>,
    pub(crate) state: u16,
}
content!(struct T167 { notes, owner, name, state });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T168(pub(crate) Vec<Option<u8>>, pub(crate) Option<(u8, u8)>, pub(crate) u16);
content!(struct T168 { 0, 1, 2 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T169 {
    pub(crate) stock: Option<Option<i16>>,
    pub(crate) rate: Option<()>,
    pub(crate) code: Vec<Option<Option<u8>>>,
    pub(crate) tags: u16,
}
content!(struct T169 { stock, rate, code, tags });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T170(pub(crate) Option<Option<Option<bool>>>, pub(crate) Option<Box<Option<u8>>>, pub(crate) u16);
content!(struct T170 { 0, 1, 2 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T171 {
    pub(crate) tags: Box<u32>,
    pub(crate) bundle: Arc<f64>,
    pub(crate) parts: Arc<str>,
    pub(crate) weight: u16,
}
content!(struct T171 { tags, bundle, parts, weight });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T172(pub(crate) Arc<[BTreeMap<String, String>]>, pub(crate) Cow<'static, str>, pub(crate) Cow<'static, [u8]>, pub(crate) u16);
content!(struct T172 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T173 {
    pub(crate) tags: Rc<f64>,
    pub(crate) bundle: Rc<str>,
    pub(crate) parts: Cell<u32>,
    pub(crate) weight: u16,
}
content!(struct T173 { tags, bundle, parts, weight });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T174(pub(crate) RefCell<i16>, pub(crate) Mutex<HashMap<String, f64>>, pub(crate) RwLock<Vec<u8>>, pub(crate) u16);
content!(struct T174 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T175(pub(crate) AtomicU32, pub(crate) AtomicBool, pub(crate) AtomicI64, pub(crate) u16);
content!(struct T175 { 0, 1, 2, 3 });
