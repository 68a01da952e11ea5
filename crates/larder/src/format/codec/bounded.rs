//! The part of serde's machinery that stands between a value and the codec: it keeps the limits, and notes
//! the shape.

use std::cell::Cell;
use std::marker::PhantomData;

use super::limits::{Elements, Exceeded, MAX_DEPTH};
use super::shape::{PartPlace, Shape};

/// What a codec writes besides the values themselves.
pub(super) trait EncodingKind: Copy {
    /// Whether kinds and names can be told from the bytes, so that a reader may ask for whatever is there.
    const DESCRIBES_ITSELF: bool;
}

/// Values one after another: a reader must ask for what was written.
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

/// What is kept account of for one whole value.
#[derive(Debug)]
pub(super) struct Session {
    elements: Elements,
    pub(super) shape: Shape,
    /// Whether an `Option` was begun, and what it holds has written nothing yet.
    pub(super) is_after_some: Cell<bool>,
    /// Whether the value is only measured, and never to be read back.
    pub(super) is_measured: bool,
    /// Whether the type asked for whatever is there: then the bytes decide what it becomes, and two of its
    /// values may have the same.
    pub(super) asked_for_any: Cell<bool>,
    /// Whether a map was written whose length was not known, as a struct with a flattened field is: nothing
    /// says which of its names are fields.
    pub(super) has_open_map: Cell<bool>,
    /// Whether what is asked for is noted also where the encoding describes itself.
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

    /// For a value that is decoded to see whether it comes back.
    pub(super) fn trying(elements: Elements) -> Self {
        Self { is_trial: true, ..Self::new(elements) }
    }

    /// For a value that is measured as if it were encoded.
    pub(super) fn counting() -> Self {
        Self { shape: Shape::unnoted(), ..Self::new(Elements::of_unknown()) }
    }

    /// For a value that is measured, and never read back.
    pub(super) fn measuring() -> Self {
        Self { is_measured: true, ..Self::counting() }
    }

    /// Whether decoding so many bytes would allow the elements that were encoded.
    pub(super) fn check(&self, bytes: usize) -> Result<(), Exceeded> {
        self.elements.check(bytes)
    }
}

/// A part of serde's machinery (a serializer, a visitor, a seed, a value…) that hands the session on to
/// whatever it leads to.
///
/// Depth and place go down by value, so that no error path has to take them back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounded<'a, T, E> {
    pub(super) inner: T,
    pub(super) session: &'a Session,
    /// Where the part stands. Kept up to date only where names are seen: while encoding.
    pub(super) place: PartPlace,
    /// Levels that may still be entered.
    levels: usize,
    encoding: PhantomData<E>,
}

impl<'a, T, E: EncodingKind> Bounded<'a, T, E> {
    /// A whole value.
    pub(super) fn new(inner: T, session: &'a Session) -> Self {
        Self { inner, session, place: PartPlace::ROOT, levels: MAX_DEPTH, encoding: PhantomData }
    }

    /// Another part at the same depth and place.
    #[inline]
    pub(super) fn with<U>(&self, inner: U) -> Bounded<'a, U, E> {
        self.at(self.place, inner)
    }

    /// Another part at the same depth.
    #[inline]
    pub(super) fn at<U>(&self, place: PartPlace, inner: U) -> Bounded<'a, U, E> {
        Bounded { inner, session: self.session, place, levels: self.levels, encoding: PhantomData }
    }

    /// The same part, at another place.
    pub(super) fn moved(self, place: PartPlace) -> Self {
        Self { place, ..self }
    }

    /// The same part, one level deeper.
    #[inline]
    pub(super) fn enter(self) -> Result<Self, Exceeded> {
        let levels = self.levels.checked_sub(1).ok_or(Exceeded::Depth)?;
        Ok(Self { levels, ..self })
    }

    /// Pays for elements of a sequence, or entries of a map.
    #[inline]
    pub(super) fn pay(&self, elements: usize) -> Result<(), Exceeded> {
        self.session.elements.spend(elements)
    }
}
