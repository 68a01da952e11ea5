//! Chooses the types of fields.

use super::random::Random;

/// Returns a type that bincode and MessagePack can store.
pub(crate) fn simple(random: &mut Random, levels: usize) -> String {
    const LEAVES: [&str; 13] =
        ["bool", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f64", "char", "String", "String"];
    let choices = if levels == 0 { LEAVES.len() } else { LEAVES.len() + 7 };
    let chosen = random.below(choices);
    if let Some(leaf) = LEAVES.get(chosen) {
        return (*leaf).to_owned();
    }
    if chosen == LEAVES.len() {
        // Only leaves here, because `Option<Option<_>>` has its own row.
        return format!("Option<{}>", random.pick(&LEAVES));
    }
    let mut inner = || simple(random, levels - 1);
    match chosen - LEAVES.len() {
        1 => format!("Vec<{}>", inner()),
        2 => format!("BTreeMap<String, {}>", inner()),
        3 => format!("({}, {})", inner(), inner()),
        4 => format!("[{}; 3]", inner()),
        5 => format!("HashMap<String, {}>", inner()),
        _ => format!("Box<{}>", inner()),
    }
}

/// Returns a type that can be a member of a set or a key of a map.
pub(crate) fn ordered(random: &mut Random, levels: usize) -> String {
    const LEAVES: [&str; 11] =
        ["bool", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "char", "String"];
    match random.below(if levels == 0 { LEAVES.len() } else { LEAVES.len() + 2 }) {
        11 => format!("({}, {})", ordered(random, levels - 1), ordered(random, levels - 1)),
        12 => format!("Vec<{}>", ordered(random, levels - 1)),
        leaf => LEAVES[leaf].to_owned(),
    }
}

/// Types of the standard library, for each row of the table. `S` stands for a simple type, and `O` for an
/// ordered type.
pub(crate) const STANDARD: [(&str, &[&str]); 19] = [
    (
        "integers of up to 64 bits, `bool`, `char`, text",
        &[
            "bool", "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize", "char", "String",
            "Box<str>",
        ],
    ),
    ("`i128`, `u128`", &["i128", "u128", "Vec<u128>", "Option<i128>", "BTreeMap<u128, i128>"]),
    (
        "`f32`, `f64`, including NaN, the infinities and -0",
        &["f32", "f64", "Vec<f32>", "Option<f64>", "[f32; 3]"],
    ),
    (
        "`Vec`, `VecDeque`, `LinkedList`",
        &["Vec<S>", "VecDeque<S>", "LinkedList<S>", "Vec<u8>", "VecDeque<u8>", "Vec<Vec<S>>", "Box<[S]>"],
    ),
    (
        "`HashSet`, `BTreeSet`, `BinaryHeap`",
        &["HashSet<O>", "BTreeSet<O>", "BinaryHeap<O>", "BTreeSet<u8>", "BinaryHeap<u8>"],
    ),
    (
        "`HashMap`, `BTreeMap`, whatever the key",
        &[
            "HashMap<O, S>",
            "BTreeMap<O, S>",
            "BTreeMap<(u8, String), S>",
            "BTreeMap<Vec<u8>, S>",
            "HashMap<Option<u8>, S>",
        ],
    ),
    (
        "arrays and tuples",
        &["[S; 3]", "[u8; 32]", "(S, S)", "(S,)", "(S, S, S, S)", "[[u8; 2]; 2]", "[S; 0]"],
    ),
    ("`Option`", &["Option<u64>", "Option<String>", "Option<Vec<S>>", "Vec<Option<u8>>", "Option<(S, u8)>"]),
    (
        "`Option<Option<_>>`, `Option<()>`",
        &[
            "Option<Option<S>>",
            "Option<()>",
            "Vec<Option<Option<u8>>>",
            "Option<Option<Option<bool>>>",
            "Option<Box<Option<u8>>>",
        ],
    ),
    (
        "`Box`, `Arc`, `Cow`",
        &["Box<S>", "Arc<S>", "Arc<str>", "Arc<[S]>", "Cow<'static, str>", "Cow<'static, [u8]>"],
    ),
    (
        "`Rc`, `Cell`, `RefCell`, `Mutex`, `RwLock`, atomics",
        &[
            "Rc<S>",
            "Rc<str>",
            "Cell<u32>",
            "RefCell<S>",
            "Mutex<S>",
            "RwLock<S>",
            "AtomicU32",
            "AtomicBool",
            "AtomicI64",
        ],
    ),
    ("`Result`", &["Result<S, S>", "Result<u8, u16>", "Vec<Result<String, S>>"]),
    (
        "`Range`, `RangeInclusive`, `Bound`",
        &["Range<u32>", "RangeInclusive<i8>", "Bound<S>", "RangeFrom<u8>", "RangeTo<u8>"],
    ),
    ("`Duration`, `SystemTime`", &["Duration", "SystemTime", "Option<Duration>"]),
    (
        "IP and socket addresses",
        &["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr", "Vec<SocketAddrV4>", "SocketAddrV6"],
    ),
    ("`PathBuf`, `OsString`, `CString`", &["PathBuf", "OsString", "CString", "Vec<PathBuf>"]),
    (
        "`NonZero`, `Wrapping`, `Saturating`, `Reverse`",
        &[
            "NonZeroU8",
            "NonZeroI64",
            "NonZeroU128",
            "Option<NonZeroU32>",
            "Wrapping<u16>",
            "Saturating<i32>",
            "Reverse<S>",
            "Vec<Wrapping<u8>>",
        ],
    ),
    ("`()`, `PhantomData`", &["()", "PhantomData<u8>", "Vec<()>", "((), u8)", "[(); 2]"]),
    (
        "sets and maps of structs",
        &[
            "BTreeSet<Point>",
            "HashSet<Point>",
            "BTreeMap<Point, Color>",
            "HashMap<Color, Vec<Point>>",
            "BTreeMap<Color, BTreeMap<Point, u8>>",
        ],
    ),
];

/// Returns one of the types in `of`, with its `S` and `O` replaced.
pub(crate) fn standard(random: &mut Random, of: &[&str]) -> String {
    let chosen = random.pick(of);
    spelled(random, chosen)
}

pub(crate) fn spelled(random: &mut Random, chosen: &str) -> String {
    let mut spelled = String::new();
    let letters: Vec<char> = chosen.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let is_part = |at: Option<&char>| at.is_some_and(|other| other.is_alphanumeric());
        let stands_alone =
            !is_part(letters.get(at + 1)) && !is_part(at.checked_sub(1).and_then(|at| letters.get(at)));
        match letter {
            'S' if stands_alone => spelled += &simple(random, 1),
            'O' if stands_alone => spelled += &ordered(random, 1),
            other => spelled.push(*other),
        }
    }
    spelled
}

/// Returns a type of the standard library that threads can share, without `Option<Option<_>>` and
/// `Option<()>`.
pub(crate) fn any(random: &mut Random) -> String {
    loop {
        let (_, types) = random.pick(&STANDARD);
        let chosen = standard(random, types);
        if !["Rc<", "Cell<", "Option<Option", "Option<()>"].iter().any(|other| chosen.contains(other)) {
            return chosen;
        }
    }
}
