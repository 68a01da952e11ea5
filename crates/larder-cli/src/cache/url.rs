//! Tells URLs from paths, and turns a path into a URL.

/// Returns the URL of a path. Escapes the characters that have a meaning in a URL.
pub(crate) fn file_url(path: &str) -> String {
    format!("file:{}", path.replace('%', "%25").replace('?', "%3F").replace('#', "%23"))
}

/// Returns whether a text begins with a scheme, even if larder does not support that scheme.
///
/// Such a text must not be used as a path: the error would print the text, and a URL may hold a password.
pub(crate) fn has_scheme(text: &str) -> bool {
    let (scheme, _) = text.split_once(':').unwrap_or_default();
    !scheme.is_empty()
        && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
}
