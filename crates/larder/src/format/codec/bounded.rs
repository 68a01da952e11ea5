//! Wraps serde between a value and the codec: enforces the limits, and records the shape of the value.

use std::cell::Cell;
use std::marker::PhantomData;

use super::limits::{Elements, ExceededLimit, MAX_DEPTH};
use super::shape::{PartPlace, Shape};

/// The two kinds of encoding. They differ in whether the bytes describe the value.
pub(super) trait EncodingKind: Copy {
    /// Whether the bytes contain the kinds of the parts and the names of fields. If so, a type may ask for
    /// any kind (`deserialize_any`).
    const DESCRIBES_ITSELF: bool;
}

/// An encoding that writes values one after another. A reader must ask for the kinds that were written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Positional;

/// An encoding that writes each value with its kind, and structs with their field names.
#[derive(Debug, Clone, Copy)]
pub(super) struct SelfDescribing;

impl EncodingKind for Positional {
    const DESCRIBES_ITSELF: bool = false;
}

impl EncodingKind for SelfDescribing {
    const DESCRIBES_ITSELF: bool = true;
}

/// State that all parts of one value share.
#[derive(Debug)]
pub(super) struct Session {
    elements: Elements,
    pub(super) shape: Shape,
    /// Whether a `Some` has begun, and its content has written nothing yet.
    pub(super) is_after_some: Cell<bool>,
    /// Whether the type asked for any kind. Then the bytes decide the variant or kind of the value, so two
    /// different values of the type may have the same bytes.
    pub(super) asked_for_any: Cell<bool>,
    /// Whether a map of unknown length was written, for example for a struct with a flattened field. The
    /// bytes do not tell which names of the map are fields.
    pub(super) has_open_map: Cell<bool>,
    /// Whether the session belongs to a trial. A trial records what the type asks for, even if the encoding
    /// describes itself.
    pub(super) is_trial: bool,
}

impl Session {
    pub(super) fn new(elements: Elements) -> Self {
        Self::with(elements, Shape::new())
    }

    #[inline]
    fn with(elements: Elements, shape: Shape) -> Self {
        Self {
            elements,
            shape,
            is_after_some: Cell::new(false),
            asked_for_any: Cell::new(false),
            has_open_map: Cell::new(false),
            is_trial: false,
        }
    }

    /// Creates the session of a trial, which decodes a value to check that it comes back.
    pub(super) fn trying(elements: Elements) -> Self {
        Self { is_trial: true, ..Self::new(elements) }
    }

    /// Creates a session for computing only the length of an encoding. It records no shape.
    #[inline]
    pub(super) fn counting() -> Self {
        Self::with(Elements::of_unknown(), Shape::unnoted())
    }

    pub(super) fn check(&self, bytes: usize) -> Result<(), ExceededLimit> {
        self.elements.check(bytes)
    }
}

/// Wraps a part of serde's machinery (a serializer, a visitor, a seed, a value…) with the session. Every part
/// that the wrapped part creates is wrapped with the same session.
///
/// Depth and place are passed by value, so no error path has to restore them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounded<'a, T, E> {
    pub(super) inner: T,
    pub(super) session: &'a Session,
    /// The place of the part. Only an encoder updates the place, because only an encoder gets the names.
    pub(super) place: PartPlace,
    /// Number of levels that may still be entered.
    levels: usize,
    encoding: PhantomData<E>,
}

impl<'a, T, E: EncodingKind> Bounded<'a, T, E> {
    /// Wraps a whole value.
    pub(super) fn new(inner: T, session: &'a Session) -> Self {
        Self { inner, session, place: PartPlace::ROOT, levels: MAX_DEPTH, encoding: PhantomData }
    }

    /// Wraps the next part at the same depth and place.
    #[inline]
    pub(super) fn with<U>(&self, inner: U) -> Bounded<'a, U, E> {
        self.at(self.place, inner)
    }

    /// Wraps the next part at the same depth.
    #[inline]
    pub(super) fn at<U>(&self, place: PartPlace, inner: U) -> Bounded<'a, U, E> {
        Bounded { inner, session: self.session, place, levels: self.levels, encoding: PhantomData }
    }

    pub(super) fn moved(self, place: PartPlace) -> Self {
        Self { place, ..self }
    }

    /// Moves the part one level deeper. Fails at the maximum depth.
    #[inline]
    pub(super) fn enter(self) -> Result<Self, ExceededLimit> {
        let levels = self.levels.checked_sub(1).ok_or(ExceededLimit::Depth)?;
        Ok(Self { levels, ..self })
    }

    /// Counts elements of a sequence, or entries of a map, against the limit.
    #[inline]
    pub(super) fn pay(&self, elements: usize) -> Result<(), ExceededLimit> {
        self.session.elements.spend(elements)
    }
}
