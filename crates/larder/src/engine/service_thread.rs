//! A thread that serves the cache to others, such as that of the control socket.

use crate::sys::sync::thread::JoinHandle;

/// A thread that serves the cache to others, until it is told to end.
pub(crate) struct ServiceThread {
    /// Tells it: without waiting, since it may be the one that calls; and not by closing alone, since a
    /// forked child has what is closed, too.
    pub(crate) stop: Box<dyn FnOnce() + Send>,
    pub(crate) thread: JoinHandle<()>,
}

impl ServiceThread {
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
