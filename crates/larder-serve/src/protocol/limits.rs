//! Limits on the size of requests. When a client announces a length, the server checks it before the bytes
//! arrive.

/// Limits on the size of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Maximum length of one argument, in bytes. Default 64 MiB, the maximum length of a value in the
    /// cache.
    pub bulk_len: usize,
    /// Maximum number of words, including the command's name. Default 1,048,576.
    pub arguments: usize,
    /// Maximum length of a request with all its arguments, in bytes. Default 128 MiB.
    pub request_len: usize,
    /// Maximum length of a request that is a line of words, in bytes. Default 64 KiB, as in Redis.
    pub inline_len: usize,
}

impl RequestLimits {
    /// The limits before a client has authenticated: ten words of up to 16 KiB, as in Redis, and 64 KiB in
    /// total. These limits are enough for `AUTH` and `HELLO`.
    pub(crate) const UNAUTHENTICATED: Self =
        Self { bulk_len: 16 << 10, arguments: 10, request_len: 64 << 10, inline_len: 16 << 10 };
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { bulk_len: 64 << 20, arguments: 1 << 20, request_len: 128 << 20, inline_len: 64 << 10 }
    }
}
