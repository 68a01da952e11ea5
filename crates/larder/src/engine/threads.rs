//! The threads of a cache: the writer thread, the sweeper thread, and the service threads.

use super::service_thread::ServiceThread;
use crate::error::Error;
use crate::sys::sync::thread::{JoinHandle, ThreadId};
use crate::sys::sync::{Mutex, thread};

/// Closing the cache tells these threads to end, and joins them.
#[derive(Debug, Default)]
pub(super) struct Threads {
    writer: Mutex<Option<JoinHandle<()>>>,
    sweeper: Mutex<Option<JoinHandle<()>>>,
    /// The service threads, which may own a handle of the cache.
    services: Mutex<Vec<ServiceThread>>,
    writer_id: Option<ThreadId>,
    /// The ids of all threads. They stay here after the handles are taken.
    ids: Mutex<Vec<ThreadId>>,
}

impl Threads {
    /// `writer` is `None` in a cache without a file.
    pub(super) fn new(writer: Option<JoinHandle<()>>) -> Self {
        let writer_id = writer.as_ref().map(|writer| writer.thread().id());
        Self {
            writer: Mutex::new(writer),
            writer_id,
            ids: Mutex::new(writer_id.into_iter().collect()),
            ..Self::default()
        }
    }

    pub(super) fn add_sweeper(&self, sweeper: JoinHandle<()>) {
        self.ids.lock().push(sweeper.thread().id());
        *self.sweeper.lock() = Some(sweeper);
    }

    pub(super) fn add_service(&self, service: ServiceThread) {
        self.ids.lock().push(service.thread.thread().id());
        self.services.lock().push(service);
    }

    /// Returns whether the calling thread is a thread of the cache.
    pub(super) fn has_current(&self) -> bool {
        self.ids.lock().contains(&thread::current().id())
    }

    pub(super) fn is_writer(&self) -> bool {
        self.writer_id == Some(thread::current().id())
    }

    pub(super) fn take_writer(&self) -> Option<JoinHandle<()>> {
        self.writer.lock().take()
    }

    pub(super) fn take_sweeper(&self) -> Option<JoinHandle<()>> {
        self.sweeper.lock().take()
    }

    pub(super) fn take_services(&self) -> Vec<ServiceThread> {
        std::mem::take(&mut *self.services.lock())
    }

    /// Forgets the threads in a forked child, because they run only in the parent. Takes no lock.
    pub(super) fn leave_to_parent(&mut self) {
        // The handles are not dropped, because that would detach threads that do not exist in this process.
        std::mem::forget((self.writer.get_mut().take(), self.sweeper.get_mut().take()));
        for ServiceThread { stop, thread } in std::mem::take(self.services.get_mut()) {
            std::mem::forget(thread);
            // `stop` is dropped but not called, because the thread is in the parent. Dropping it closes the
            // child's copy of the socket.
            drop(stop);
        }
    }
}

pub(crate) fn spawn(
    name: &'static str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|source| Error::Thread { name, source })
}
