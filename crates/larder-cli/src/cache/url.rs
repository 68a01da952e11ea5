//! Distinguishes URLs from paths, and turns a path into a URL.

/// Returns the URL of a path. Escapes characters with a special meaning in URLs.
pub(crate) fn file_url(path: &str) -> String {
    format!("file:{}", path.replace('%', "%25").replace('?', "%3F").replace('#', "%23"))
}

/// Returns whether a text begins with a scheme, even if larder does not support that scheme.
///
/// Such a text must not be used as a path, because an error would print it, and a URL may contain a password.
pub(crate) fn has_scheme(text: &str) -> bool {
    let (scheme, _) = text.split_once(':').unwrap_or_default();
    !scheme.is_empty()
        && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
}
