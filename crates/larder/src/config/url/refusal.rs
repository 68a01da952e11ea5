//! The reason why a URL is refused.

/// The reason for a refusal, and the allowed form.
pub(super) type UrlRefusal = (String, &'static str);
