//! Implements `Content` for numbers, texts and the other standard library types that serde supports.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::ffi::{CString, OsString};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZeroI64, NonZeroU8, NonZeroU32, NonZeroU128, Saturating, Wrapping};
use std::ops::{Bound, Range, RangeFrom, RangeInclusive, RangeTo};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, SystemTime};

use crate::content::{Content, Maker};

/// Implements `Content` for types whose `==` compares everything.
macro_rules! plain {
    ($($type:ty: $make:expr;)*) => {$(
        impl Content for $type {
            fn make(maker: &mut Maker) -> Self {
                let make: fn(&mut Maker) -> $type = $make;
                make(maker)
            }

            fn same(&self, read: &Self, _: bool) -> bool {
                self == read
            }
        }
    )*};
}

/// Implements `Content` for integers: small values, the limits, and random values.
macro_rules! integers {
    ($($type:ident)*) => {
        plain!($($type: |maker| match maker.below(6) {
            0 => 0,
            1 => 1,
            2 => $type::MAX,
            3 => $type::MIN,
            4 => $type::try_from(maker.below(100)).unwrap(),
            _ => {
                let mut bytes = [0; size_of::<$type>()];
                bytes.fill_with(|| maker.random.next().to_le_bytes()[0]);
                $type::from_le_bytes(bytes)
            }
        };)*);
    };
}

pub(crate) use plain;

integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

plain! {
    bool: |maker| maker.below(2) == 0;
    (): |_| ();
    char: |maker| maker.random.pick(&['a', 'Z', '\0', 'ß', '₦', '🛒', '0']);
    String: |maker| {
        let text = ["", "MTN", "a", "MTN Airtime, 100 ₦", "kind", "code", "5", "ẞß", "\0", "null"];
        match maker.below(12) {
            10 => "long ".repeat(maker.below(40)),
            11 => maker.random.next().to_string(),
            at => text[at].to_owned(),
        }
    };
    Duration: |maker| Duration::new(u64::make(maker), u32::try_from(maker.below(1_000_000_000)).unwrap());
    SystemTime: |maker| SystemTime::UNIX_EPOCH + Duration::new(u64::from(u32::make(maker)), 7);
    Ipv4Addr: |maker| Ipv4Addr::from(u32::make(maker));
    Ipv6Addr: |maker| Ipv6Addr::from(u128::make(maker));
    IpAddr: |maker| if bool::make(maker) { Ipv4Addr::make(maker).into() } else { Ipv6Addr::make(maker).into() };
    SocketAddrV4: |maker| SocketAddrV4::new(Ipv4Addr::make(maker), u16::make(maker));
    // Serde does not write all parts of an IPv6 socket address. The omitted parts are zero here.
    SocketAddrV6: |maker| SocketAddrV6::new(Ipv6Addr::make(maker), u16::make(maker), 0, 0);
    SocketAddr: |maker| {
        if bool::make(maker) { SocketAddrV4::make(maker).into() } else { SocketAddrV6::make(maker).into() }
    };
    PathBuf: |maker| PathBuf::from(String::make(maker));
    OsString: |maker| OsString::from(String::make(maker));
    CString: |maker| CString::new(String::make(maker).replace('\0', "")).unwrap();
    NonZeroU8: |maker| NonZeroU8::new(u8::make(maker)).unwrap_or(NonZeroU8::MIN);
    NonZeroU32: |maker| NonZeroU32::new(u32::make(maker)).unwrap_or(NonZeroU32::MIN);
    NonZeroI64: |maker| NonZeroI64::new(i64::make(maker)).unwrap_or(NonZeroI64::MIN);
    NonZeroU128: |maker| NonZeroU128::new(u128::make(maker)).unwrap_or(NonZeroU128::MAX);
    Box<str>: |maker| String::make(maker).into();
    Rc<str>: |maker| String::make(maker).into();
    Arc<str>: |maker| String::make(maker).into();
    Cow<'static, str>: |maker| if bool::make(maker) { "still".into() } else { String::make(maker).into() };
    Cow<'static, [u8]>: |maker| Vec::make(maker).into();
    RangeFrom<u8>: |maker| u8::make(maker)..;
    RangeTo<u8>: |maker| ..u8::make(maker);
    Range<u32>: |maker| u32::make(maker)..u32::make(maker);
    RangeInclusive<i8>: |maker| i8::make(maker)..=i8::make(maker);
    Wrapping<u8>: |maker| Wrapping(u8::make(maker));
    Wrapping<u16>: |maker| Wrapping(u16::make(maker));
    Saturating<i32>: |maker| Saturating(i32::make(maker));
    PhantomData<u8>: |_| PhantomData;
}

macro_rules! floats {
    ($($type:ident)*) => {$(
        impl Content for $type {
            fn make(maker: &mut Maker) -> Self {
                let odd = [0.0, -0.0, 1.0, -2.5, $type::NAN, -$type::NAN, $type::INFINITY, $type::NEG_INFINITY,
                    $type::MIN_POSITIVE, $type::EPSILON, $type::MAX, 0.1, 16_777_217.0];
                maker.random.pick(&odd)
            }

            fn same(&self, read: &Self, _: bool) -> bool {
                self.to_bits() == read.to_bits()
            }
        }
    )*};
}

floats!(f32 f64);

impl<T: Content> Content for Option<T> {
    fn make(maker: &mut Maker) -> Self {
        if maker.is_deep() || maker.below(3) == 0 { None } else { Some(maker.deeper(T::make)) }
    }

    fn same(&self, read: &Self, with_losses: bool) -> bool {
        match (self, read) {
            (Some(one), Some(other)) => one.same(other, with_losses),
            (None, None) => true,
            _ => false,
        }
    }
}

impl<T: Content, E: Content> Content for Result<T, E> {
    fn make(maker: &mut Maker) -> Self {
        if bool::make(maker) { Ok(T::make(maker)) } else { Err(E::make(maker)) }
    }

    fn same(&self, read: &Self, with_losses: bool) -> bool {
        match (self, read) {
            (Ok(one), Ok(other)) => one.same(other, with_losses),
            (Err(one), Err(other)) => one.same(other, with_losses),
            _ => false,
        }
    }
}

impl<T: Content> Content for Bound<T> {
    fn make(maker: &mut Maker) -> Self {
        match maker.below(3) {
            0 => Self::Unbounded,
            1 => Self::Included(T::make(maker)),
            _ => Self::Excluded(T::make(maker)),
        }
    }

    fn same(&self, read: &Self, with_losses: bool) -> bool {
        match (self, read) {
            (Self::Included(one), Self::Included(other)) | (Self::Excluded(one), Self::Excluded(other)) => {
                one.same(other, with_losses)
            }
            (Self::Unbounded, Self::Unbounded) => true,
            _ => false,
        }
    }
}

/// Implements `Content` for types that hold one value of another type.
macro_rules! holders {
    ($($holder:ident: $new:expr, $of:expr;)*) => {$(
        impl<T: Content> Content for $holder<T> {
            fn make(maker: &mut Maker) -> Self {
                $new(T::make(maker))
            }

            fn same(&self, read: &Self, with_losses: bool) -> bool {
                let of: fn(&Self, &mut dyn FnMut(&T) -> bool) -> bool = $of;
                of(self, &mut |one| of(read, &mut |other| one.same(other, with_losses)))
            }
        }
    )*};
}

holders! {
    Box: Self::new, |held, then| then(held);
    Rc: Self::new, |held, then| then(held);
    Arc: Self::new, |held, then| then(held);
    Reverse: Self, |held, then| then(&held.0);
    RefCell: Self::new, |held, then| then(&held.borrow());
    Mutex: Self::new, |held, then| then(&held.lock().unwrap());
    RwLock: Self::new, |held, then| then(&held.read().unwrap());
}

impl Content for Cell<u32> {
    fn make(maker: &mut Maker) -> Self {
        Self::new(u32::make(maker))
    }

    fn same(&self, read: &Self, _: bool) -> bool {
        self == read
    }
}

macro_rules! atomics {
    ($($type:ident $of:ident)*) => {$(
        impl Content for $type {
            fn make(maker: &mut Maker) -> Self {
                Self::new($of::make(maker))
            }

            fn same(&self, read: &Self, _: bool) -> bool {
                self.load(Ordering::Relaxed) == read.load(Ordering::Relaxed)
            }
        }
    )*};
}

atomics!(AtomicBool bool AtomicU32 u32 AtomicI64 i64);
