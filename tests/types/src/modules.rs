//! Modules for serde's `with`. Each module writes a value in another form, and reads back all or a part of
//! it.

macro_rules! module {
    ($name:ident $type:ty, $wire:ty: $to:expr, $from:expr) => {
        pub(crate) mod $name {
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            pub(crate) fn serialize<S: Serializer>(value: &$type, serializer: S) -> Result<S::Ok, S::Error> {
                let to: fn(&$type) -> $wire = $to;
                to(value).serialize(serializer)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                let from: fn($wire) -> Result<$type, String> = $from;
                from(<$wire>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

module!(as_text u32, String: |number| number.to_string(), |text| text.parse().map_err(|_| format!("{text} is no number")));
module!(as_either Option<u32>, Result<u32, String>: |number| number.ok_or_else(|| "none".to_owned()), |either| Ok(either.ok()));
module!(whole_seconds std::time::Duration, u64: |duration| duration.as_secs(), |seconds| Ok(std::time::Duration::from_secs(seconds)));
module!(lowercase String, String: |text| text.to_lowercase(), Ok);
#[expect(clippy::cast_possible_truncation, reason = "the module is lossy on purpose")]
mod truncating {
    module!(single f64, f32: |number| *number as f32, |number| Ok(f64::from(number)));
}
pub(crate) use truncating::single;

/// Writes a byte buffer as bytes, not as a sequence of numbers.
pub(crate) mod as_bytes {
    use std::fmt;

    use serde::de::{Error, SeqAccess, Visitor};
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(bytes)
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}
