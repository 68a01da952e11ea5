//! The length limit of codes.

/// Maximum length of a code in bytes.
///
/// With this limit, the longest key of the Django application, `data_package_{product}_{data}`, has at most
/// 250 bytes, which cache servers accept.
pub const MAX_CODE_LENGTH: usize = 100;

const _: () = assert!("data_package_".len() + MAX_CODE_LENGTH + "_".len() + MAX_CODE_LENGTH <= 250);
