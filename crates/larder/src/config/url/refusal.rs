//! Why a URL is refused.

/// The cause, and what is allowed instead.
pub(super) type UrlRefusal = (String, &'static str);
