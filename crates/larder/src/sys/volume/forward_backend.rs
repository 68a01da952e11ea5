//! Forwards methods of a file's content to the wrapped file.
//!
//! A redb backend that wraps another backend changes some methods, and passes the names of the other methods
//! to this macro. [`forward_locks`](super::forward_locks) forwards the lock methods.

/// Implements the listed methods of `StorageBackend` by calling the same method of `self.$below`.
macro_rules! forward_backend {
    (@ $below:tt len) => {
        fn len(&self) -> std::io::Result<u64> {
            self.$below.len()
        }
    };
    (@ $below:tt read) => {
        fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
            self.$below.read(offset, out)
        }
    };
    (@ $below:tt set_len) => {
        fn set_len(&self, len: u64) -> std::io::Result<()> {
            self.$below.set_len(len)
        }
    };
    (@ $below:tt sync_data) => {
        fn sync_data(&self) -> std::io::Result<()> {
            self.$below.sync_data()
        }
    };
    (@ $below:tt write) => {
        fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
            self.$below.write(offset, data)
        }
    };
    (@ $below:tt close) => {
        fn close(&self) -> std::io::Result<()> {
            self.$below.close()
        }
    };
    ($below:tt: $($method:ident)+) => { $(forward_backend! { @ $below $method })+ };
}
pub(crate) use forward_backend;
