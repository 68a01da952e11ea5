//! Generated types, part 18: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

/// Lets the judge try values of each type.
pub(super) fn all(judge: &mut Judge) {
    judge.values_of::<T288>("T288", "`from`, `try_from`, `into`");
    judge.values_of::<T289>("T289", "`from`, `try_from`, `into`");
    judge.values_of::<T290>("T290", "`from`, `try_from`, `into`");
    judge.values_of::<T291>("T291", "`from`, `try_from`, `into`");
    judge.values_of::<T292>("T292", "`from`, `try_from`, `into`");
    judge.values_of::<T293>("T293", "`from`, `try_from`, `into`");
    judge.values_of::<T294>("T294", "`deny_unknown_fields`, `expecting`");
    judge.values_of::<T295>("T295", "`deny_unknown_fields`, `expecting`");
    judge.values_of::<T296>("T296", "`deny_unknown_fields`, `expecting`");
    judge.values_of::<T297>("T297", "`deny_unknown_fields`, `expecting`");
    judge.values_of::<T298>("T298", "128 bits, or `Option<Option<_>>`, in what serde buffers");
    judge.values_of::<T299>("T299", "128 bits, or `Option<Option<_>>`, in what serde buffers");
    judge.values_of::<T300>("T300", "128 bits, or `Option<Option<_>>`, in what serde buffers");
    judge.values_of::<T301>("T301", "128 bits, or `Option<Option<_>>`, in what serde buffers");
    judge.values_of::<T302>("T302", "addresses in what serde buffers");
    judge.values_of::<T303>("T303", "addresses in what serde buffers");
}

#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(from = "Wire")]
pub(crate) struct T288 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T288 { number, text });
wire!(surely T288);

#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(try_from = "Wire")]
pub(crate) struct T289 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T289 { number, text });
wire!(perhaps T289);

#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(from = "Wire")]
pub(crate) struct T290 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T290 { number, text });
wire!(surely T290);

#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(try_from = "Wire")]
pub(crate) struct T291 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T291 { number, text });
wire!(perhaps T291);

#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(from = "Wire")]
pub(crate) struct T292 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T292 { number, text });
wire!(surely T292);

#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(try_from = "Wire")]
pub(crate) struct T293 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T293 { number, text });
wire!(perhaps T293);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct T294 {
    pub(crate) expires: char,
    pub(crate) level: (bool, (i64, i64)),
}
content!(struct T294 { expires, level });

#[derive(Debug, Serialize, Deserialize)]
#[serde(expecting = "what is sold")]
pub(crate) struct T295 {
    pub(crate) bundle: String,
    pub(crate) parts: i64,
    pub(crate) weight: String,
}
content!(struct T295 { bundle, parts, weight });

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct T296 {
    pub(crate) parts: i16,
    pub(crate) weight: bool,
    pub(crate) origin: u16,
    pub(crate) expires: i32,
}
content!(struct T296 { parts, weight, origin, expires });

#[derive(Debug, Serialize, Deserialize)]
#[serde(expecting = "what is sold")]
pub(crate) struct T297 {
    pub(crate) expires: i64,
    pub(crate) level: i16,
}
content!(struct T297 { expires, level });

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T298 {
    Only {
        wide: u128,
        level: u32,
        notes: i16,
    },
    Unit,
}
content!(enum T298 2 {
    0 Only { wide: a0 b0, level: a1 b1, notes: a2 b2 }
    1 Unit {}
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T299 {
    Only {
        wide: i128,
        price: Option<String>,
    },
    Unit,
}
content!(enum T299 2 {
    0 Only { wide: a0 b0, price: a1 b1 }
    1 Unit {}
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T300 {
    Only {
        wide: Option<Option<u8>>,
        rate: u16,
        code: Option<u16>,
    },
    Unit,
}
content!(enum T300 2 {
    0 Only { wide: a0 b0, rate: a1 b1, code: a2 b2 }
    1 Unit {}
});

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T301 {
    pub(crate) wide: u128,
    pub(crate) code: u16,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, bool>,
}
content!(struct T301 { wide, code, rest });

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T302 {
    Only {
        address: IpAddr,
        code: u8,
        tags: u8,
    },
    Unit,
}
content!(enum T302 2 {
    0 Only { address: a0 b0, code: a1 b1, tags: a2 b2 }
    1 Unit {}
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T303 {
    Only {
        address: SocketAddr,
        price: char,
    },
    Unit,
}
content!(enum T303 2 {
    0 Only { address: a0 b0, price: a1 b1 }
    1 Unit {}
});
