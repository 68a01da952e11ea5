//! The imports of the generated types.

pub(crate) use std::borrow::Cow;
pub(crate) use std::cell::{Cell, RefCell};
pub(crate) use std::cmp::Reverse;
pub(crate) use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
pub(crate) use std::ffi::{CString, OsString};
pub(crate) use std::marker::PhantomData;
pub(crate) use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
pub(crate) use std::num::{NonZeroI64, NonZeroU8, NonZeroU32, NonZeroU128, Saturating, Wrapping};
pub(crate) use std::ops::{Bound, Range, RangeFrom, RangeInclusive, RangeTo};
pub(crate) use std::path::PathBuf;
pub(crate) use std::rc::Rc;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32};
pub(crate) use std::sync::{Arc, Mutex, RwLock};
pub(crate) use std::time::{Duration, SystemTime};

pub(crate) use serde::{Deserialize, Serialize};

pub(crate) use crate::content::{Content, Maker, content, losses};
pub(crate) use crate::judge::any;
pub(crate) use crate::modules::{as_bytes, as_either, as_text, lowercase, single, whole_seconds};
pub(crate) use crate::support::{
    Choice, Color, Foreign, ForeignDef, Holder, Inner, Key, Nested, Point, Sparse, Tagged, Wire, five,
    is_five, wire,
};
