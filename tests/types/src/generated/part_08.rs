//! Generated types, part 8: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T128>("T128", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T129>("T129", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T130>("T130", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T131>("T131", "`rename`, `rename_all`, `rename_all_fields`");
    judge.values_of::<T132>("T132", "sets and maps of newtypes and enums");
    judge.values_of::<T133>("T133", "sets and maps of newtypes and enums");
    judge.values_of::<T134>("T134", "sets and maps of newtypes and enums");
    judge.values_of::<T135>("T135", "sets and maps of newtypes and enums");
    judge.values_of::<T136>("T136", "a newtype of bytes or of text");
    judge.values_of::<T137>("T137", "a newtype of bytes or of text");
    judge.values_of::<T138>("T138", "a newtype of bytes or of text");
    judge.values_of::<T139>("T139", "a newtype of bytes or of text");
    judge.values_of::<T140>("T140", "a newtype of bytes or of text");
    judge.values_of::<T141>("T141", "a newtype of bytes or of text");
    judge.values_of::<T142>("T142", "a newtype of bytes or of text");
    judge.values_of::<T143>("T143", "a newtype of bytes or of text");
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct T128 {
    #[serde(rename = "another")]
    pub(crate) notes: i16,
    pub(crate) owner: bool,
    pub(crate) name: char,
    pub(crate) state: BTreeMap<String, i64>,
    pub(crate) of_two_words: u16,
}
content!(struct T128 { notes, owner, name, state, of_two_words });

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all_fields = "lowercase")]
pub(crate) enum T129 {
    #[serde(rename = "the first")]
    Gift {
        state: u8,
        limit: Vec<Vec<u32>>,
        price: u16,
        stock: f64,
    },
    Airtime,
    Cable {
        tags: BTreeMap<String, u8>,
        bundle: Option<char>,
        parts: HashMap<String, Vec<bool>>,
        weight: [i16; 3],
    },
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T129 4 {
    0 Gift { state: a0 b0, limit: a1 b1, price: a2 b2, stock: a3 b3 }
    1 Airtime {}
    2 Cable { tags: a0 b0, bundle: a1 b1, parts: a2 b2, weight: a3 b3 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct T130 {
    #[serde(rename = "EXPIRES")]
    pub(crate) expires: u8,
    pub(crate) level: i8,
    pub(crate) notes: char,
    pub(crate) of_two_words: u16,
}
content!(struct T130 { expires, level, notes, of_two_words });

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
#[serde(rename_all_fields = "PascalCase")]
pub(crate) enum T131 {
    Airtime(i16, bool, HashMap<String, u8>),
    Cable(u32),
    Refund(u64),
    OfTwoWords {
        of_two_words: u16,
        last: bool,
    },
}
content!(enum T131 4 {
    0 Airtime { 0: a0 b0, 1: a1 b1, 2: a2 b2 }
    1 Cable { 0: a0 b0 }
    2 Refund { 0: a0 b0 }
    3 OfTwoWords { of_two_words: a0 b0, last: a1 b1 }
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T132 {
    pub(crate) owner: HashMap<Key, Vec<Key>>,
    pub(crate) name: BTreeSet<Key>,
    pub(crate) map: BTreeMap<char, u16>,
}
content!(struct T132 { owner, name, map });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T133 {
    pub(crate) state: BTreeMap<Key, i8>,
    pub(crate) limit: HashMap<Key, Vec<Key>>,
    pub(crate) map: BTreeMap<String, i64>,
}
content!(struct T133 { state, limit, map });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T134 {
    pub(crate) price: HashMap<Key, Vec<Key>>,
    pub(crate) stock: BTreeMap<Key, i8>,
    pub(crate) map: BTreeMap<i16, u64>,
}
content!(struct T134 { price, stock, map });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T135 {
    pub(crate) rate: BTreeMap<Key, u64>,
    pub(crate) code: HashMap<Key, Vec<Key>>,
    pub(crate) map: BTreeMap<char, i32>,
}
content!(struct T135 { rate, code, map });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T136(pub(crate) Vec<u8>);
content!(struct T136 { 0 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T137(pub(crate) String);
content!(struct T137 { 0 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T138(pub(crate) Box<str>);
content!(struct T138 { 0 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T139(pub(crate) Box<[u8]>);
content!(struct T139 { 0 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T140(pub(crate) [u8; 8]);
content!(struct T140 { 0 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T141(pub(crate) BTreeSet<u8>);
content!(struct T141 { 0 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T142(pub(crate) Cow<'static, str>);
content!(struct T142 { 0 });

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T143(pub(crate) Arc<str>);
content!(struct T143 { 0 });
