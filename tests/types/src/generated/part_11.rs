//! Generated types, part 11: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T176>("T176", "`Result`");
    judge.values_of::<T177>("T177", "`Range`, `RangeInclusive`, `Bound`");
    judge.values_of::<T178>("T178", "`Range`, `RangeInclusive`, `Bound`");
    judge.values_of::<T179>("T179", "`Duration`, `SystemTime`");
    judge.values_of::<T180>("T180", "IP and socket addresses");
    judge.values_of::<T181>("T181", "IP and socket addresses");
    judge.values_of::<T182>("T182", "`PathBuf`, `OsString`, `CString`");
    judge.values_of::<T183>("T183", "`PathBuf`, `OsString`, `CString`");
    judge.values_of::<T184>("T184", "`NonZero`, `Wrapping`, `Saturating`, `Reverse`");
    judge.values_of::<T185>("T185", "`NonZero`, `Wrapping`, `Saturating`, `Reverse`");
    judge.values_of::<T186>("T186", "`NonZero`, `Wrapping`, `Saturating`, `Reverse`");
    judge.values_of::<T187>("T187", "`()`, `PhantomData`");
    judge.values_of::<T188>("T188", "`()`, `PhantomData`");
    judge.values_of::<T189>("T189", "sets and maps of structs");
    judge.values_of::<T190>("T190", "sets and maps of structs");
    judge.values_of::<T191>("T191", "`alias`");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T176 {
    pub(crate) origin: Result<bool, bool>,
    pub(crate) expires: Result<u8, u16>,
    pub(crate) level: Vec<Result<String, char>>,
    pub(crate) notes: u16,
}
content!(struct T176 { origin, expires, level, notes });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T177 {
    pub(crate) tags: Range<u32>,
    pub(crate) bundle: RangeInclusive<i8>,
    pub(crate) parts: Bound<i32>,
    pub(crate) weight: u16,
}
content!(struct T177 { tags, bundle, parts, weight });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T178(pub(crate) RangeFrom<u8>, pub(crate) RangeTo<u8>, pub(crate) u16);
content!(struct T178 { 0, 1, 2 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T179 {
    pub(crate) state: Duration,
    pub(crate) limit: SystemTime,
    pub(crate) price: Option<Duration>,
    pub(crate) stock: u16,
}
content!(struct T179 { state, limit, price, stock });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T180 {
    pub(crate) bundle: IpAddr,
    pub(crate) parts: Ipv4Addr,
    pub(crate) weight: Ipv6Addr,
    pub(crate) origin: u16,
}
content!(struct T180 { bundle, parts, weight, origin });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T181(pub(crate) SocketAddr, pub(crate) Vec<SocketAddrV4>, pub(crate) SocketAddrV6, pub(crate) u16);
content!(struct T181 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T182 {
    pub(crate) bundle: PathBuf,
    pub(crate) parts: OsString,
    pub(crate) weight: CString,
    pub(crate) origin: u16,
}
content!(struct T182 { bundle, parts, weight, origin });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T183(pub(crate) Vec<PathBuf>, pub(crate) u16);
content!(struct T183 { 0, 1 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T184 {
    pub(crate) origin: NonZeroU8,
    pub(crate) expires: NonZeroI64,
    pub(crate) level: NonZeroU128,
    pub(crate) notes: u16,
}
content!(struct T184 { origin, expires, level, notes });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T185(pub(crate) Option<NonZeroU32>, pub(crate) Wrapping<u16>, pub(crate) Saturating<i32>, pub(crate) u16);
content!(struct T185 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T186(pub(crate) Reverse<Vec<char>>, pub(crate) Vec<Wrapping<u8>>, pub(crate) u16);
content!(struct T186 { 0, 1, 2 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T187 {
    pub(crate) weight: (),
    pub(crate) origin: PhantomData<u8>,
    pub(crate) expires: Vec<()>,
    pub(crate) level: u16,
}
content!(struct T187 { weight, origin, expires, level });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T188(pub(crate) ((), u8), pub(crate) [(); 2], pub(crate) u16);
content!(struct T188 { 0, 1, 2 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T189 {
    pub(crate) origin: BTreeSet<Point>,
    pub(crate) expires: HashSet<Point>,
    pub(crate) level: BTreeMap<Point, Color>,
    pub(crate) notes: u16,
}
content!(struct T189 { origin, expires, level, notes });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T190(pub(crate) HashMap<Color, Vec<Point>>, pub(crate) BTreeMap<Color, BTreeMap<Point, u8>>, pub(crate) u16);
content!(struct T190 { 0, 1, 2 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T191 {
    #[serde(alias = "old")]
    #[serde(alias = "older")]
    pub(crate) rate: i32,
    pub(crate) code: u16,
    pub(crate) tags: u16,
    pub(crate) bundle: bool,
}
content!(struct T191 { rate, code, tags, bundle });
