//! Compresses and restores payloads.
//!
//! LZ4: Yann Collet, LZ4 block format, <https://github.com/lz4/lz4>. Zstandard: RFC 8878.

use crate::format::codec::error::CodecError;
use crate::format::codec::limits::MAX_VALUE_LEN;
use crate::format::record;

/// The compression of a keyspace's long values on disk. See
/// [`KeyspaceDefinition::compress`](crate::KeyspaceDefinition::compress).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// LZ4. It is fast, and makes text and JSON about half as long.
    Lz4,
    /// Zstandard. It is slower than LZ4, and its output is about a third shorter. Requires the feature
    /// `zstd`.
    #[cfg(feature = "zstd")]
    Zstd,
}

/// The default level of the `zstd` command.
#[cfg(feature = "zstd")]
const ZSTD_LEVEL: i32 = 3;

/// Maximum number of bytes to which LZ4 can expand one byte.
const MAX_LZ4_RATIO: usize = 255;

impl Compression {
    pub(crate) const fn recorded(self) -> record::PayloadCompression {
        match self {
            Self::Lz4 => record::PayloadCompression::Lz4,
            #[cfg(feature = "zstd")]
            Self::Zstd => record::PayloadCompression::Zstd,
        }
    }

    /// Returns the compression of a record, or `None` for an uncompressed record. Returns LZ4 for Zstandard
    /// if this build cannot write Zstandard.
    pub(crate) const fn of_recorded(recorded: record::PayloadCompression) -> Option<Self> {
        match recorded {
            record::PayloadCompression::None => None,
            record::PayloadCompression::Lz4 => Some(Self::Lz4),
            #[cfg(feature = "zstd")]
            record::PayloadCompression::Zstd => Some(Self::Zstd),
            #[cfg(not(feature = "zstd"))]
            record::PayloadCompression::Zstd => Some(Self::Lz4),
        }
    }

    /// Compresses a payload. Returns `None` if the result is not shorter, or if compression fails.
    pub(crate) fn deflate(self, payload: &[u8]) -> Option<Vec<u8>> {
        let deflated = match self {
            Self::Lz4 => Some(lz4_flex::block::compress(payload)),
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::bulk::compress(payload, ZSTD_LEVEL).ok(),
        };
        deflated.filter(|deflated| deflated.len() < payload.len())
    }
}

/// Restores a payload from its compressed bytes. Checks the length before allocating memory.
pub(crate) fn inflate(
    how: record::PayloadCompression,
    bytes: &[u8],
    inflated_len: Option<u32>,
) -> Result<Vec<u8>, CodecError> {
    let Some(len) = inflated_len else {
        return Err(CodecError::new("it is compressed, and does not say how long it was"));
    };
    if u64::from(len) > MAX_VALUE_LEN.as_u64() {
        return Err(CodecError::new(format_args!(
            "{len} bytes are more than the {MAX_VALUE_LEN} of a value"
        )));
    }
    let len = len as usize;
    let inflated = match how {
        record::PayloadCompression::None => return Err(CodecError::new("it is not compressed")),
        record::PayloadCompression::Lz4 => {
            if len > bytes.len().saturating_mul(MAX_LZ4_RATIO) {
                return Err(CodecError::new("LZ4 makes no such length of so few bytes"));
            }
            lz4_flex::block::decompress(bytes, len).map_err(CodecError::new)?
        }
        record::PayloadCompression::Zstd => inflate_zstd(bytes, len)?,
    };
    if inflated.len() == len {
        Ok(inflated)
    } else {
        Err(CodecError::new(format_args!("it inflates to {} bytes in place of {len}", inflated.len())))
    }
}

#[cfg(feature = "zstd")]
fn inflate_zstd(bytes: &[u8], len: usize) -> Result<Vec<u8>, CodecError> {
    zstd::bulk::decompress(bytes, len).map_err(CodecError::new)
}

#[cfg(all(feature = "zstd-read", not(feature = "zstd")))]
use inflate_zstd_in_rust as inflate_zstd;

#[cfg(not(any(feature = "zstd", feature = "zstd-read")))]
fn inflate_zstd(_: &[u8], _: usize) -> Result<Vec<u8>, CodecError> {
    Err(CodecError::new("it is compressed with Zstandard; build larder with the feature zstd"))
}

/// Decompresses without the C library. The Rust decoder is slower, so except in tests only a build without
/// the C library uses it.
#[cfg(all(feature = "zstd-read", any(test, not(feature = "zstd"))))]
fn inflate_zstd_in_rust(bytes: &[u8], len: usize) -> Result<Vec<u8>, CodecError> {
    let mut inflated = vec![0; len];
    let read = ruzstd::decoding::FrameDecoder::new().decode_all(bytes, &mut inflated);
    inflated.truncate(read.map_err(CodecError::new)?);
    Ok(inflated)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAYS: &[Compression] = &[
        Compression::Lz4,
        #[cfg(feature = "zstd")]
        Compression::Zstd,
    ];

    fn text() -> Vec<u8> {
        (0..200)
            .flat_map(|number: u32| format!("{{\"code\":\"MTN{number}\",\"price\":{number}}}").into_bytes())
            .collect()
    }

    #[test]
    fn what_is_compressed_inflates_to_what_it_was() {
        for way in WAYS {
            let text = text();
            let deflated = way.deflate(&text).unwrap();
            assert!(deflated.len() * 2 < text.len(), "{way:?}: {} of {}", deflated.len(), text.len());
            let len = u32::try_from(text.len()).unwrap();
            assert_eq!(inflate(way.recorded(), &deflated, Some(len)).unwrap(), text);
            for wrong in [len - 1, len + 1, 0] {
                assert!(inflate(way.recorded(), &deflated, Some(wrong)).is_err(), "{way:?}: {wrong}");
            }
        }
    }

    #[test]
    fn what_does_not_become_shorter_is_left_as_it_is() {
        for way in WAYS {
            assert_eq!(way.deflate(b"abc"), None, "{way:?}");
            assert_eq!(way.deflate(b""), None, "{way:?}");
        }
    }

    #[cfg(all(feature = "zstd", feature = "zstd-read"))]
    #[test]
    fn both_decoders_of_zstandard_read_the_same() {
        let noise = |len: u64| (0..len).map(|at| ((at * at) >> 7).to_be_bytes()[7]).collect::<Vec<u8>>();
        for payload in [text(), noise(300), noise(300_000), vec![7; 1 << 20]] {
            let deflated = zstd::bulk::compress(&payload, ZSTD_LEVEL).unwrap();
            let (len, cut) = (payload.len(), &deflated[..deflated.len() - 1]);
            assert_eq!(inflate_zstd_in_rust(&deflated, len).unwrap(), payload);
            assert_eq!(inflate_zstd(&deflated, len).unwrap(), payload);
            for (bytes, len) in [(cut, len), (&deflated[1..], len), (&deflated, len - 1)] {
                assert!(inflate_zstd_in_rust(bytes, len).is_err() && inflate_zstd(bytes, len).is_err());
            }
            for at in (0..deflated.len()).step_by(deflated.len() / 300 + 1) {
                let mut damaged = deflated.clone();
                damaged[at] ^= 0x55;
                // The result may be an error or wrong bytes, because the record's checksum detects wrong
                // bytes. The decoder must not panic.
                drop(inflate_zstd_in_rust(&damaged, len));
            }
        }
    }

    #[cfg(feature = "zstd-read")]
    #[test]
    fn a_damaged_frame_of_zstandard_is_an_error_or_other_bytes_and_no_panic() {
        // A raw block of 4 bytes, and a run-length block of 1,000 times `7`. Each frame has its content size
        // in the header.
        let frames: [&[u8]; 2] =
            [b"\x28\xB5\x2F\xFD\x20\x04\x21\0\0abcd", b"\x28\xB5\x2F\xFD\x60\xE8\x02\x43\x1F\x00\x07"];
        for (frame, payload) in frames.into_iter().zip([b"abcd".to_vec(), vec![7; 1000]]) {
            assert_eq!(inflate_zstd_in_rust(frame, payload.len()).unwrap(), payload);
            for (at, bit) in (0..frame.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
                let mut flipped = frame.to_vec();
                flipped[at] ^= 1 << bit;
                drop(inflate_zstd_in_rust(&flipped, payload.len()));
            }
        }
    }

    #[test]
    fn a_length_is_refused_before_memory_is_taken_for_it() {
        let deflated = Compression::Lz4.deflate(&text()).unwrap();
        for len in [u32::MAX, 64 << 20 | 1] {
            let error = inflate(record::PayloadCompression::Lz4, &deflated, Some(len)).unwrap_err();
            assert!(error.to_string().contains("64 MiB"), "{error}");
        }
        assert!(inflate(record::PayloadCompression::Lz4, &deflated, None).is_err());
        assert!(inflate(record::PayloadCompression::Lz4, &[0; 4], Some(4096)).is_err());
    }
}
