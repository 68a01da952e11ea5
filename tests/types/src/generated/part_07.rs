//! Generated types, part 7: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// `Option`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T168(pub(crate) Vec<Option<HashMap<String, bool>>>, pub(crate) Option<Box<Option<bool>>>, pub(crate) u16);
content!(struct T168 { 0, 1, 2 });

// `Option<Option<_>>`, `Option<()>`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T169 {
    pub(crate) price: Option<Option<u64>>,
    pub(crate) stock: Option<()>,
    pub(crate) rate: Vec<Option<Option<u8>>>,
    pub(crate) code: u16,
}
content!(struct T169 { price, stock, rate, code });

// `Option<Option<_>>`, `Option<()>`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T170(pub(crate) Option<Option<Option<bool>>>, pub(crate) u16);
content!(struct T170 { 0, 1 });

// `Box`, `Arc`, `Cow`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T171 {
    pub(crate) level: Box<Box<u32>>,
    pub(crate) notes: Arc<char>,
    pub(crate) owner: Arc<str>,
    pub(crate) name: u16,
}
content!(struct T171 { level, notes, owner, name });

// `Box`, `Arc`, `Cow`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T172(pub(crate) Arc<[(char, i16)]>, pub(crate) Cow<'static, str>, pub(crate) Cow<'static, [u8]>, pub(crate) u16);
content!(struct T172 { 0, 1, 2, 3 });

// `Rc`, `Cell`, `RefCell`, `Mutex`, `RwLock`, atomics
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T173 {
    pub(crate) notes: Rc<[String; 3]>,
    pub(crate) owner: Rc<str>,
    pub(crate) name: Cell<u32>,
    pub(crate) state: u16,
}
content!(struct T173 { notes, owner, name, state });

// `Rc`, `Cell`, `RefCell`, `Mutex`, `RwLock`, atomics
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T174(pub(crate) RefCell<u8>, pub(crate) Mutex<Vec<i16>>, pub(crate) RwLock<f64>, pub(crate) u16);
content!(struct T174 { 0, 1, 2, 3 });

// `Rc`, `Cell`, `RefCell`, `Mutex`, `RwLock`, atomics
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T175(pub(crate) AtomicU32, pub(crate) AtomicBool, pub(crate) AtomicI64, pub(crate) u16);
content!(struct T175 { 0, 1, 2, 3 });

// `Result`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T176 {
    pub(crate) rate: Result<f64, (i64, String)>,
    pub(crate) code: Result<u8, u16>,
    pub(crate) tags: Vec<Result<String, i8>>,
    pub(crate) bundle: u16,
}
content!(struct T176 { rate, code, tags, bundle });

// `Range`, `RangeInclusive`, `Bound`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T177 {
    pub(crate) owner: Range<u32>,
    pub(crate) name: RangeInclusive<i8>,
    pub(crate) state: Bound<Box<f64>>,
    pub(crate) limit: u16,
}
content!(struct T177 { owner, name, state, limit });

// `Range`, `RangeInclusive`, `Bound`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T178(pub(crate) RangeFrom<u8>, pub(crate) RangeTo<u8>, pub(crate) u16);
content!(struct T178 { 0, 1, 2 });

// `Duration`, `SystemTime`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T179 {
    pub(crate) tags: Duration,
    pub(crate) bundle: SystemTime,
    pub(crate) parts: Option<Duration>,
    pub(crate) weight: u16,
}
content!(struct T179 { tags, bundle, parts, weight });

// IP and socket addresses
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T180 {
    pub(crate) expires: IpAddr,
    pub(crate) level: Ipv4Addr,
    pub(crate) notes: Ipv6Addr,
    pub(crate) owner: u16,
}
content!(struct T180 { expires, level, notes, owner });

// IP and socket addresses
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T181(pub(crate) SocketAddr, pub(crate) Vec<SocketAddrV4>, pub(crate) SocketAddrV6, pub(crate) u16);
content!(struct T181 { 0, 1, 2, 3 });

// `PathBuf`, `OsString`, `CString`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T182 {
    pub(crate) tags: PathBuf,
    pub(crate) bundle: OsString,
    pub(crate) parts: CString,
    pub(crate) weight: u16,
}
content!(struct T182 { tags, bundle, parts, weight });

// `PathBuf`, `OsString`, `CString`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T183(pub(crate) Vec<PathBuf>, pub(crate) u16);
content!(struct T183 { 0, 1 });

// `NonZero`, `Wrapping`, `Saturating`, `Reverse`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T184 {
    pub(crate) code: NonZeroU8,
    pub(crate) tags: NonZeroI64,
    pub(crate) bundle: NonZeroU128,
    pub(crate) parts: u16,
}
content!(struct T184 { code, tags, bundle, parts });

// `NonZero`, `Wrapping`, `Saturating`, `Reverse`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T185(pub(crate) Option<NonZeroU32>, pub(crate) Wrapping<u16>, pub(crate) Saturating<i32>, pub(crate) u16);
content!(struct T185 { 0, 1, 2, 3 });

// `NonZero`, `Wrapping`, `Saturating`, `Reverse`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T186(pub(crate) Reverse<i8>, pub(crate) Vec<Wrapping<u8>>, pub(crate) u16);
content!(struct T186 { 0, 1, 2 });

// `()`, `PhantomData`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T187 {
    pub(crate) rate: (),
    pub(crate) code: PhantomData<u8>,
    pub(crate) tags: Vec<()>,
    pub(crate) bundle: u16,
}
content!(struct T187 { rate, code, tags, bundle });

// `()`, `PhantomData`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T188(pub(crate) ((), u8), pub(crate) [(); 2], pub(crate) u16);
content!(struct T188 { 0, 1, 2 });

// sets and maps of structs
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T189 {
    pub(crate) state: BTreeSet<Point>,
    pub(crate) limit: HashSet<Point>,
    pub(crate) price: BTreeMap<Point, Color>,
    pub(crate) stock: u16,
}
content!(struct T189 { state, limit, price, stock });

// sets and maps of structs
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T190(pub(crate) HashMap<Color, Vec<Point>>, pub(crate) BTreeMap<Color, BTreeMap<Point, u8>>, pub(crate) u16);
content!(struct T190 { 0, 1, 2 });

// `alias`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T191 {
    #[serde(alias = "old")]
    #[serde(alias = "older")]
    pub(crate) bundle: [i8; 3],
    pub(crate) parts: bool,
}
content!(struct T191 { bundle, parts });
