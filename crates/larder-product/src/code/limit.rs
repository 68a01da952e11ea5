//! The length limit of codes.

/// Maximum length of a code in bytes.
///
/// It keeps the longest key of the Django application, `data_package_{product}_{data}`, under the 250 bytes
/// that cache servers accept for a key.
pub const MAX_CODE_LENGTH: usize = 100;

const _: () = assert!("data_package_".len() + MAX_CODE_LENGTH + "_".len() + MAX_CODE_LENGTH <= 250);
