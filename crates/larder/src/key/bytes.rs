//! Writing and reading the bytes of keys.

use smallvec::SmallVec;

use super::KeyError;

/// Most keys, with the number of their keyspace, fit without an allocation.
const INLINE: usize = 64;
const ESCAPED: u8 = 0xFF;

/// Where a key writes its bytes, part by part.
#[derive(Debug, Clone, Default)]
pub struct KeyWriter {
    bytes: SmallVec<[u8; INLINE]>,
}

impl KeyWriter {
    /// A writer that starts with the bytes every key of a keyspace starts with.
    pub(crate) fn starting_with(start: &[u8]) -> Self {
        Self { bytes: SmallVec::from_slice(start) }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes a text part.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Writes a part of any bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.unterminated(bytes);
        self.bytes.extend_from_slice(&[0, 0]);
    }

    /// The bytes that begin every byte part that starts with `bytes`.
    pub(crate) fn unterminated(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|&byte| byte == 0) {
            let (head, tail) = rest.split_at(at);
            self.bytes.extend_from_slice(head);
            self.bytes.extend_from_slice(&[0, ESCAPED]);
            rest = tail.split_first().map_or(&[][..], |(_, tail)| tail);
        }
        self.bytes.extend_from_slice(rest);
    }
}

/// Where a key reads its bytes back from, part by part.
#[derive(Debug)]
pub struct KeyReader<'a> {
    rest: &'a [u8],
}

impl<'a> KeyReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn finish(&self) -> Result<(), KeyError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(KeyError::new(format!("{left} bytes follow the end of the key"))),
        }
    }

    /// Reads a text part.
    ///
    /// # Errors
    /// When the part has no end, or is not UTF-8.
    pub fn text(&mut self) -> Result<String, KeyError> {
        String::from_utf8(self.bytes()?).map_err(|error| KeyError::new(format!("text part: {error}")))
    }

    /// Reads a part of any bytes.
    ///
    /// # Errors
    /// When the part has no end, or an unknown escape.
    pub fn bytes(&mut self) -> Result<Vec<u8>, KeyError> {
        let mut bytes = Vec::new();
        loop {
            let Some(at) = self.rest.iter().position(|&byte| byte == 0) else {
                return Err(KeyError::new("a part of the key has no end"));
            };
            let (head, tail) = self.rest.split_at(at);
            bytes.extend_from_slice(head);
            match tail {
                [_, 0, rest @ ..] => {
                    self.rest = rest;
                    return Ok(bytes);
                }
                [_, ESCAPED, rest @ ..] => {
                    self.rest = rest;
                    bytes.push(0);
                }
                _ => return Err(KeyError::new("a part of the key has an unknown escape")),
            }
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], KeyError> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(KeyError::new(format!(
                "an integer of {N} bytes is cut off after {}",
                self.rest.len()
            )));
        };
        self.rest = rest;
        Ok(*head)
    }
}

macro_rules! integers {
    ($($unsigned:ident $signed:ident),*) => {
        impl KeyWriter {
            $(
                #[doc = concat!("Writes a `", stringify!($unsigned), "` part.")]
                pub fn $unsigned(&mut self, value: $unsigned) {
                    self.bytes.extend_from_slice(&value.to_be_bytes());
                }

                #[doc = concat!("Writes an `", stringify!($signed), "` part.")]
                pub fn $signed(&mut self, value: $signed) {
                    self.$unsigned(value.cast_unsigned() ^ (1 << ($unsigned::BITS - 1)));
                }
            )*
        }

        impl KeyReader<'_> {
            $(
                #[doc = concat!("Reads a `", stringify!($unsigned), "` part.")]
                ///
                /// # Errors
                /// When the bytes end before it does.
                pub fn $unsigned(&mut self) -> Result<$unsigned, KeyError> {
                    Ok($unsigned::from_be_bytes(self.array()?))
                }

                #[doc = concat!("Reads an `", stringify!($signed), "` part.")]
                ///
                /// # Errors
                /// When the bytes end before it does.
                pub fn $signed(&mut self) -> Result<$signed, KeyError> {
                    Ok((self.$unsigned()? ^ (1 << ($unsigned::BITS - 1))).cast_signed())
                }
            )*
        }
    };
}

integers!(u8 i8, u16 i16, u32 i32, u64 i64, u128 i128);
