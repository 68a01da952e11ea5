//! A thread that serves the cache to others, such as the one of the control socket.

use crate::sys::sync::thread::JoinHandle;

/// A thread that serves the cache to others, until it is told to end.
pub(crate) struct ServiceThread {
    /// Tells the thread to end, without waiting for it: the thread itself may be the one that calls. Dropping
    /// this does not tell it, because a forked child drops it too.
    pub(crate) stop: Box<dyn FnOnce() + Send>,
    pub(crate) thread: JoinHandle<()>,
}

impl ServiceThread {
    /// Tells the thread to end. Returns the handle to join it with.
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
