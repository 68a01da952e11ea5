//! The layer of serde that stands between a value and the codec. It keeps the limits, and records the shape.

use std::cell::Cell;
use std::marker::PhantomData;

use super::limits::{Elements, ExceededLimit, MAX_DEPTH};
use super::shape::{PartPlace, Shape};

/// The kind of an encoding: what it writes besides the values.
pub(super) trait EncodingKind: Copy {
    /// Whether the bytes tell kinds and names. Then a type may ask for any kind (`deserialize_any`).
    const DESCRIBES_ITSELF: bool;
}

/// Values one after another. A reader must ask for the kinds that were written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Positional;

/// Each value with its kind, and structs with the names of their fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct SelfDescribing;

impl EncodingKind for Positional {
    const DESCRIBES_ITSELF: bool = false;
}

impl EncodingKind for SelfDescribing {
    const DESCRIBES_ITSELF: bool = true;
}

/// The accounts of one whole value.
#[derive(Debug)]
pub(super) struct Session {
    elements: Elements,
    pub(super) shape: Shape,
    /// Whether an `Option` was begun whose content has written nothing yet.
    pub(super) is_after_some: Cell<bool>,
    /// Whether the value is only measured, and will never be read back.
    pub(super) is_measured: bool,
    /// Whether the type asked for any kind. Then the bytes decide what it becomes, and two of its values may
    /// have the same bytes.
    pub(super) asked_for_any: Cell<bool>,
    /// Whether a map of unknown length was written, as a struct with a flattened field is. The bytes do not
    /// say which of its names are fields.
    pub(super) has_open_map: Cell<bool>,
    /// Whether the requests of the type are also recorded if the encoding describes itself.
    pub(super) is_trial: bool,
}

impl Session {
    pub(super) fn new(elements: Elements) -> Self {
        let (shape, is_after_some) = (Shape::new(), Cell::new(false));
        Self {
            elements,
            shape,
            is_after_some,
            is_measured: false,
            asked_for_any: Cell::new(false),
            has_open_map: Cell::new(false),
            is_trial: false,
        }
    }

    /// Makes the session of a value that is decoded to test whether it comes back.
    pub(super) fn trying(elements: Elements) -> Self {
        Self { is_trial: true, ..Self::new(elements) }
    }

    /// Makes the session of a value that is measured as if it were encoded.
    pub(super) fn counting() -> Self {
        Self { shape: Shape::unnoted(), ..Self::new(Elements::of_unknown()) }
    }

    /// Makes the session of a value that is measured and never read back.
    pub(super) fn measuring() -> Self {
        Self { is_measured: true, ..Self::counting() }
    }

    /// Returns whether decoding so many bytes would allow the elements that were encoded.
    pub(super) fn check(&self, bytes: usize) -> Result<(), ExceededLimit> {
        self.elements.check(bytes)
    }
}

/// A part of serde's machinery (a serializer, a visitor, a seed, a value…) that passes the session on to
/// every part that it leads to.
///
/// Depth and place are passed down by value, so no error path has to restore them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounded<'a, T, E> {
    pub(super) inner: T,
    pub(super) session: &'a Session,
    /// The place of the part. Kept up to date only while encoding, because only encoding sees names.
    pub(super) place: PartPlace,
    /// Levels that may still be entered.
    levels: usize,
    encoding: PhantomData<E>,
}

impl<'a, T, E: EncodingKind> Bounded<'a, T, E> {
    /// Wraps a whole value.
    pub(super) fn new(inner: T, session: &'a Session) -> Self {
        Self { inner, session, place: PartPlace::ROOT, levels: MAX_DEPTH, encoding: PhantomData }
    }

    /// Wraps another part at the same depth and place.
    #[inline]
    pub(super) fn with<U>(&self, inner: U) -> Bounded<'a, U, E> {
        self.at(self.place, inner)
    }

    /// Wraps another part at the same depth.
    #[inline]
    pub(super) fn at<U>(&self, place: PartPlace, inner: U) -> Bounded<'a, U, E> {
        Bounded { inner, session: self.session, place, levels: self.levels, encoding: PhantomData }
    }

    /// Moves the part to another place.
    pub(super) fn moved(self, place: PartPlace) -> Self {
        Self { place, ..self }
    }

    /// Moves the part one level deeper.
    #[inline]
    pub(super) fn enter(self) -> Result<Self, ExceededLimit> {
        let levels = self.levels.checked_sub(1).ok_or(ExceededLimit::Depth)?;
        Ok(Self { levels, ..self })
    }

    /// Counts elements of a sequence, or entries of a map.
    #[inline]
    pub(super) fn pay(&self, elements: usize) -> Result<(), ExceededLimit> {
        self.session.elements.spend(elements)
    }
}
