//! The words of a request, which are the command's name and its arguments, without a copy.

use std::fmt;

/// The position of a word in the bytes of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The words of a request. `Debug` prints no word, because a word may be a secret.
#[derive(Clone, Copy)]
pub(crate) struct Arguments<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Arguments<'a> {
    pub(crate) const fn new(bytes: &'a [u8], spans: &'a [Span]) -> Self {
        Self { bytes, spans }
    }

    /// Returns the number of words, including the command's name.
    pub(crate) const fn len(&self) -> usize {
        self.spans.len()
    }

    /// Returns a word. Word 0 is the command's name. Returns an empty word if the request has fewer words.
    pub(crate) fn get(&self, index: usize) -> &'a [u8] {
        self.find(index).unwrap_or_default()
    }

    /// Returns a word, or `None` if the request has fewer words.
    pub(crate) fn find(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).and_then(|span| self.bytes.get(span.start..span.end))
    }

    /// Returns the words from this index on.
    pub(crate) fn from(&self, first: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let Self { bytes, spans } = *self;
        let rest = spans.get(first..).unwrap_or_default();
        rest.iter().map(move |span| bytes.get(span.start..span.end).unwrap_or_default())
    }

    /// Returns the number of bytes of all words.
    pub(crate) fn words_len(&self) -> usize {
        self.from(0).map(<[u8]>::len).sum()
    }

    /// Returns whether a word equals `word`, ignoring case.
    pub(crate) fn is(&self, index: usize, word: &str) -> bool {
        self.find(index).is_some_and(|given| given.eq_ignore_ascii_case(word.as_bytes()))
    }

    pub(crate) fn to_owned(self) -> OwnedArguments {
        let mut bytes = Vec::with_capacity(self.words_len());
        let spans = self.from(0).map(|word| {
            let start = bytes.len();
            bytes.extend_from_slice(word);
            Span { start, end: bytes.len() }
        });
        let spans = spans.collect();
        OwnedArguments { bytes, spans }
    }
}

impl fmt::Debug for Arguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arguments").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The words of a request that is executed later. `Debug` prints no word.
pub(crate) struct OwnedArguments {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedArguments {
    pub(crate) fn as_arguments(&self) -> Arguments<'_> {
        Arguments::new(&self.bytes, &self.spans)
    }

    /// Returns the memory that the words use, in bytes.
    pub(crate) fn heap_len(&self) -> usize {
        self.bytes.capacity() + self.spans.capacity() * size_of::<Span>()
    }
}

impl fmt::Debug for OwnedArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_arguments(), f)
    }
}
