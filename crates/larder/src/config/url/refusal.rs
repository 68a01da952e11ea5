//! The reason why a URL is refused.

/// The reason for a refusal, and what is allowed instead.
pub(super) type UrlRefusal = (String, &'static str);
