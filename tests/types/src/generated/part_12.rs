//! Generated types, part 12: written by `cargo run -p larder-types --bin generate`, not by hand.

use super::*;

// `from`, `try_from`, `into`
#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(from = "Wire")]
pub(crate) struct T288 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T288 { number, text });
wire!(surely T288);

// `from`, `try_from`, `into`
#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(try_from = "Wire")]
pub(crate) struct T289 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T289 { number, text });
wire!(perhaps T289);

// `from`, `try_from`, `into`
#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(from = "Wire")]
pub(crate) struct T290 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T290 { number, text });
wire!(surely T290);

// `from`, `try_from`, `into`
#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(try_from = "Wire")]
pub(crate) struct T291 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T291 { number, text });
wire!(perhaps T291);

// `from`, `try_from`, `into`
#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(from = "Wire")]
pub(crate) struct T292 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T292 { number, text });
wire!(surely T292);

// `from`, `try_from`, `into`
#[derive(Debug, Serialize, Deserialize, Clone)]
#[serde(into = "Wire")]
#[serde(try_from = "Wire")]
pub(crate) struct T293 {
    pub(crate) number: u32,
    pub(crate) text: String,
}
content!(struct T293 { number, text });
wire!(perhaps T293);

// `deny_unknown_fields`, `expecting`
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct T294 {
    pub(crate) expires: char,
    pub(crate) level: (bool, (i64, i64)),
}
content!(struct T294 { expires, level });

// `deny_unknown_fields`, `expecting`
#[derive(Debug, Serialize, Deserialize)]
#[serde(expecting = "what is sold")]
pub(crate) struct T295 {
    pub(crate) bundle: String,
    pub(crate) parts: i64,
    pub(crate) weight: String,
}
content!(struct T295 { bundle, parts, weight });

// `deny_unknown_fields`, `expecting`
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct T296 {
    pub(crate) parts: i16,
    pub(crate) weight: bool,
    pub(crate) origin: u16,
    pub(crate) expires: i32,
}
content!(struct T296 { parts, weight, origin, expires });

// `deny_unknown_fields`, `expecting`
#[derive(Debug, Serialize, Deserialize)]
#[serde(expecting = "what is sold")]
pub(crate) struct T297 {
    pub(crate) expires: i64,
    pub(crate) level: i16,
}
content!(struct T297 { expires, level });

// 128 bits, or `Option<Option<_>>`, in what serde buffers
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

// 128 bits, or `Option<Option<_>>`, in what serde buffers
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

// 128 bits, or `Option<Option<_>>`, in what serde buffers
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

// 128 bits, or `Option<Option<_>>`, in what serde buffers
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T301 {
    pub(crate) wide: u128,
    pub(crate) code: u16,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, bool>,
}
content!(struct T301 { wide, code, rest });

// addresses in what serde buffers
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

// addresses in what serde buffers
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

// addresses in what serde buffers
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T304 {
    Only {
        address: Ipv6Addr,
        code: i8,
    },
    Unit,
}
content!(enum T304 2 {
    0 Only { address: a0 b0, code: a1 b1 }
    1 Unit {}
});

// addresses in what serde buffers
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T305 {
    pub(crate) address: Vec<IpAddr>,
    pub(crate) state: [i8; 3],
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, bool>,
}
content!(struct T305 { address, state, rest });

// bytes, maps with other keys than text, floats in what serde buffers
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T306 {
    Only {
        held: f32,
        limit: i64,
    },
    Unit,
}
content!(enum T306 2 {
    0 Only { held: a0 b0, limit: a1 b1 }
    1 Unit {}
});

// bytes, maps with other keys than text, floats in what serde buffers
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T307 {
    Only {
        held: f64,
        origin: u64,
        expires: u64,
    },
    Unit,
}
content!(enum T307 2 {
    0 Only { held: a0 b0, origin: a1 b1, expires: a2 b2 }
    1 Unit {}
});

// bytes, maps with other keys than text, floats in what serde buffers
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T308 {
    Only {
        held: BTreeMap<u32, u8>,
        state: Vec<u16>,
        limit: bool,
    },
    Unit,
}
content!(enum T308 2 {
    0 Only { held: a0 b0, state: a1 b1, limit: a2 b2 }
    1 Unit {}
});

// bytes, maps with other keys than text, floats in what serde buffers
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct T309 {
    pub(crate) held: BTreeMap<i8, String>,
    pub(crate) state: BTreeMap<String, i64>,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, bool>,
}
content!(struct T309 { held, state, rest });

// bytes, maps with other keys than text, floats in what serde buffers
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum T310 {
    Only {
        held: BTreeMap<(u8, u8), u8>,
        stock: i16,
        rate: HashMap<String, [f64; 3]>,
    },
    Unit,
}
content!(enum T310 2 {
    0 Only { held: a0 b0, stock: a1 b1, rate: a2 b2 }
    1 Unit {}
});

// bytes, maps with other keys than text, floats in what serde buffers
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum T311 {
    Only {
        held: CString,
        stock: i32,
    },
    Unit,
}
content!(enum T311 2 {
    0 Only { held: a0 b0, stock: a1 b1 }
    1 Unit {}
});
