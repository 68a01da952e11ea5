//! A thread that serves the cache to other processes, such as the thread of the control socket.

use crate::sys::sync::thread::JoinHandle;

/// A thread that serves the cache to other processes, until `stop` is called.
pub(crate) struct ServiceThread {
    /// Tells the thread to end. Does not wait for that, because the caller may be the thread itself. Dropping
    /// this function must not stop the thread, because a forked child drops its copy, too.
    pub(crate) stop: Box<dyn FnOnce() + Send>,
    pub(crate) thread: JoinHandle<()>,
}

impl ServiceThread {
    /// Tells the thread to end. Returns the handle for joining the thread.
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
