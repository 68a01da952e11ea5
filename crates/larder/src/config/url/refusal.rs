//! The reason why a URL is refused.

/// The reason, and the allowed form.
pub(super) type UrlRefusal = (String, &'static str);
