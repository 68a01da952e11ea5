//! A thread that serves the cache to other processes, such as the thread of the control socket.

use crate::sys::sync::thread::JoinHandle;

/// A thread that serves the cache to other processes, until `stop` is called.
pub(crate) struct ServiceThread {
    /// Tells the thread to end, without waiting for its end, because the caller may be the thread itself.
    /// Dropping this function must not stop the thread, because a forked child drops its copy.
    pub(crate) stop: Box<dyn FnOnce() + Send>,
    pub(crate) thread: JoinHandle<()>,
}

impl ServiceThread {
    /// Tells the thread to end. Returns the handle with which to join it.
    pub(super) fn stop(self) -> JoinHandle<()> {
        (self.stop)();
        self.thread
    }
}

impl std::fmt::Debug for ServiceThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServiceThread")
    }
}
