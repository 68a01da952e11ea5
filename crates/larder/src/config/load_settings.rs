//! Defaults and limits of the load settings, and the function that starts background tasks.

#[cfg(feature = "async")]
use std::pin::Pin;
use std::time::Duration;

#[cfg(feature = "async")]
use crate::sys::sync::Arc;

/// The default of [`lease_timeout`](crate::CacheBuilder::lease_timeout): 60 s.
pub const DEFAULT_LEASE_TIMEOUT: Duration = Duration::from_mins(1);
/// The default of [`load_threads`](crate::CacheBuilder::load_threads): 4.
pub const DEFAULT_LOAD_THREADS: usize = 4;
/// Maximum value of [`load_threads`](crate::CacheBuilder::load_threads).
pub(super) const MAX_LOAD_THREADS: usize = 64;
/// The default of [`load_tasks`](crate::CacheBuilder::load_tasks): 64.
#[cfg(feature = "async")]
pub const DEFAULT_LOAD_TASKS: usize = 64;
/// Maximum value of [`load_tasks`](crate::CacheBuilder::load_tasks).
#[cfg(feature = "async")]
pub(super) const MAX_LOAD_TASKS: usize = 65_536;

/// A task that the cache hands to the application's runtime: see
/// [`CacheBuilder::spawner`](crate::CacheBuilder::spawner).
#[cfg(feature = "async")]
pub type BackgroundLoad = Pin<Box<dyn Future<Output = ()> + Send>>;

#[cfg(feature = "async")]
#[derive(Clone)]
pub(crate) struct Spawner(Arc<dyn Fn(BackgroundLoad) + Send + Sync>);

#[cfg(feature = "async")]
impl Spawner {
    pub(super) fn new(spawner: impl Fn(BackgroundLoad) + Send + Sync + 'static) -> Self {
        Self(Arc::new(spawner))
    }

    pub(crate) fn spawn(&self, load: BackgroundLoad) {
        (self.0)(load);
    }
}

#[cfg(feature = "async")]
#[derive(Clone)]
pub(crate) struct LoadTaskSettings {
    pub(crate) spawner: Option<Spawner>,
    pub(crate) max: usize,
}

#[cfg(feature = "async")]
impl Default for LoadTaskSettings {
    fn default() -> Self {
        Self { spawner: None, max: DEFAULT_LOAD_TASKS }
    }
}
