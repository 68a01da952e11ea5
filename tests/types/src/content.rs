//! Values that are made from a seed, and that can be compared after they have been stored and read.
//!
//! The comparison is stricter than `PartialEq`, because it compares the bits of floats. It also works for
//! types without `PartialEq`, such as mutexes and heaps. A type may declare that it loses a field
//! (`#[serde(skip)]`, or a `with` that loses something). Such a field may differ, but only in the declared
//! way.

use crate::generator::random::Random;

/// Beyond this depth, collections are empty and enums have their first variant, so that values end.
const DEPTH: usize = 4;

/// Makes values from random numbers.
#[derive(Debug)]
pub(crate) struct Maker {
    pub(crate) random: Random,
    depth: usize,
}

impl Maker {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), depth: 0 }
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.random.below(end)
    }

    /// Returns the length of a collection, which is often zero and rarely large.
    pub(crate) fn len(&mut self) -> usize {
        if self.depth > DEPTH {
            return 0;
        }
        let most = self.random.pick(&[0, 1, 3, 3, 9]);
        self.below(most + 1)
    }

    pub(crate) fn deeper<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        self.depth += 1;
        let value = make(self);
        self.depth -= 1;
        value
    }

    pub(crate) fn is_deep(&self) -> bool {
        self.depth > DEPTH
    }
}

/// A type whose values can be made from a seed and compared.
pub(crate) trait Content: Sized {
    fn make(maker: &mut Maker) -> Self;

    /// Returns whether `read` equals `self`. With `with_losses`, the parts that the type itself loses may
    /// differ.
    fn same(&self, read: &Self, with_losses: bool) -> bool;
}

/// Implements `Content` for a type of these tests. The word in brackets after a field is the loss that the
/// type declares.
macro_rules! content {
    (struct $name:ident { $($field:tt $([$loss:ident])?),* }) => {
        impl Content for $name {
            fn make(maker: &mut Maker) -> Self {
                maker.deeper(|maker| {
                    let _ = &maker;
                    Self { $($field: Content::make(maker)),* }
                })
            }

            fn same(&self, read: &Self, with_losses: bool) -> bool {
                let _ = (read, with_losses);
                true $(&& (self.$field.same(&read.$field, with_losses)
                    $(|| (with_losses && losses::$loss(&self.$field, &read.$field)))?))*
            }
        }
    };
    (enum $name:ident $count:literal { $($index:literal $variant:ident { $($field:tt: $a:ident $b:ident $([$loss:ident])?),* })* }) => {
        impl Content for $name {
            fn make(maker: &mut Maker) -> Self {
                maker.deeper(|maker| match if maker.is_deep() { 0 } else { maker.below($count) } {
                    $($index => Self::$variant { $($field: Content::make(maker)),* },)*
                    _ => unreachable!("there are no more variants"),
                })
            }

            fn same(&self, read: &Self, with_losses: bool) -> bool {
                let _ = with_losses;
                match (self, read) {
                    $((Self::$variant { $($field: $a),* }, Self::$variant { $($field: $b),* }) => {
                        true $(&& ($a.same($b, with_losses) $(|| (with_losses && losses::$loss($a, $b)))?))*
                    })*
                    #[expect(unreachable_patterns, reason = "there may be one variant alone")]
                    #[allow(unfulfilled_lint_expectations, reason = "or several")]
                    _ => false,
                }
            }
        }
    };
}
pub(crate) use content;

/// For each kind of loss, a function that returns whether a lost field may have the value that was read.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::ptr_arg,
    clippy::ref_option,
    reason = "each is called with two references to a field"
)]
pub(crate) mod losses {
    use std::time::Duration;

    use super::{Content, Maker};
    use crate::support::{Sparse, five};

    pub(crate) fn to_default<T: Content + Default>(_: &T, read: &T) -> bool {
        T::default().same(read, true)
    }

    pub(crate) fn to_five(_: &u32, read: &u32) -> bool {
        *read == five()
    }

    pub(crate) fn to_seconds(written: &Duration, read: &Duration) -> bool {
        *read == Duration::from_secs(written.as_secs())
    }

    pub(crate) fn to_lowercase(written: &String, read: &String) -> bool {
        *read == written.to_lowercase()
    }

    #[expect(clippy::cast_possible_truncation, reason = "that is what is lost")]
    pub(crate) fn to_single(written: &f64, read: &f64) -> bool {
        let single = f64::from(*written as f32);
        single.to_bits() == read.to_bits() || (single.is_nan() && read.is_nan())
    }

    /// A flattened `None` writes nothing. It is read as `Some` of a `Sparse` with defaults.
    pub(crate) fn none_to_empty(written: &Option<Sparse>, read: &Option<Sparse>) -> bool {
        written.is_none() && read.as_ref().is_some_and(|read| Sparse::default().same(read, true))
    }

    #[test]
    fn a_loss_is_what_the_type_says_and_nothing_else() {
        assert!(to_default(&7, &0) && !to_default(&7, &1));
        assert!(to_five(&7, &5) && !to_five(&7, &0));
        assert!(to_lowercase(&String::from("Ab"), &String::from("ab")));
        assert!(!to_lowercase(&String::from("Ab"), &String::from("b")));
        assert!(!to_single(&0.1, &0.1) && to_single(&0.1, &f64::from(0.1_f32)));
        let some = Sparse::make(&mut Maker::new(3));
        assert!(!none_to_empty(&Some(Sparse::default()), &Some(Sparse::default())));
        assert!(none_to_empty(&None, &Some(Sparse::default())) && !none_to_empty(&Some(some), &None));
    }
}
