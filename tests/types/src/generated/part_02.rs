//! Generated types, part 2: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T032>("T032", "unit struct, struct without fields");
    judge.values_of::<T033>("T033", "unit struct, struct without fields");
    judge.values_of::<T034>("T034", "unit struct, struct without fields");
    judge.values_of::<T035>("T035", "recursive type");
    judge.values_of::<T036>("T036", "recursive type");
    judge.values_of::<T037>("T037", "recursive type");
    judge.values_of::<T038>("T038", "recursive type");
    judge.values_of::<T039>("T039", "recursive type");
    judge.values_of::<T040>("T040", "recursive type");
    judge.values_of::<T041>("T041", "generic type, `bound`");
    judge.values_of::<T042>("T042", "generic type, `bound`");
    judge.values_of::<T043>("T043", "generic type, `bound`");
    judge.values_of::<T044>("T044", "generic type, `bound`");
    judge.values_of::<T045>("T045", "`remote`, `getter`");
    judge.values_of::<T046>("T046", "`remote`, `getter`");
    judge.values_of::<T047>("T047", "`remote`, `getter`");
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T032;
content!(struct T032 {});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T033 {
}
content!(struct T033 {});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T034();
content!(struct T034 {});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T035 {
    pub(crate) state: i32,
    pub(crate) next: Option<Box<T035>>,
}
content!(struct T035 { state, next });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T036 {
    Leaf(BTreeMap<String, char>),
    Many(Vec<T036>),
    Map {
        map: BTreeMap<String, T036>,
    },
    Maybe(Option<Box<T036>>),
}
content!(enum T036 4 {
    0 Leaf { 0: a0 b0 }
    1 Many { 0: a0 b0 }
    2 Map { map: a0 b0 }
    3 Maybe { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T037 {
    pub(crate) rate: u64,
    pub(crate) next: Option<Box<T037>>,
}
content!(struct T037 { rate, next });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T038 {
    Leaf(i64),
    Many(Vec<T038>),
    Map {
        map: BTreeMap<String, T038>,
    },
    Maybe(Option<Box<T038>>),
}
content!(enum T038 4 {
    0 Leaf { 0: a0 b0 }
    1 Many { 0: a0 b0 }
    2 Map { map: a0 b0 }
    3 Maybe { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T039 {
    pub(crate) price: Option<String>,
    pub(crate) stock: String,
    pub(crate) next: Option<Box<T039>>,
    pub(crate) below: Vec<T039>,
}
content!(struct T039 { price, stock, next, below });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum T040 {
    Leaf(i8),
    Many(Vec<T040>),
    Map {
        map: BTreeMap<String, T040>,
    },
    Maybe(Option<Box<T040>>),
}
content!(enum T040 4 {
    0 Leaf { 0: a0 b0 }
    1 Many { 0: a0 b0 }
    2 Map { map: a0 b0 }
    3 Maybe { 0: a0 b0 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T041 {
    pub(crate) rate: Holder<f64>,
    pub(crate) code: Vec<Holder<char>>,
    pub(crate) tags: Holder<Holder<char>>,
}
content!(struct T041 { rate, code, tags });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T042 {
    pub(crate) level: Holder<Holder<i16>>,
    pub(crate) notes: Holder<BTreeMap<String, u16>>,
    pub(crate) owner: Vec<Holder<u8>>,
}
content!(struct T042 { level, notes, owner });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T043 {
    pub(crate) owner: Holder<i32>,
    pub(crate) name: Holder<char>,
    pub(crate) state: Holder<Holder<u16>>,
}
content!(struct T043 { owner, name, state });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T044 {
    pub(crate) tags: Vec<Holder<String>>,
    pub(crate) bundle: Holder<Holder<Option<i16>>>,
    pub(crate) parts: Option<Holder<u8>>,
}
content!(struct T044 { tags, bundle, parts });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T045 {
    #[serde(with = "ForeignDef")]
    pub(crate) foreign: Foreign,
    pub(crate) code: u64,
}
content!(struct T045 { foreign, code });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T046(#[serde(with = "ForeignDef")] pub(crate) Foreign, pub(crate) Vec<i64>, pub(crate) Vec<String>, pub(crate) i16);
content!(struct T046 { 0, 1, 2, 3 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T047 {
    #[serde(with = "ForeignDef")]
    pub(crate) foreign: Foreign,
    pub(crate) origin: Box<u16>,
}
content!(struct T047 { foreign, origin });
