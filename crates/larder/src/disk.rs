//! The disk tier: one redb file, the thread that writes it, the thread that sweeps it. The only I/O of the crate.

mod ballast;
mod batch;
mod cache_file;
mod command;
mod counted;
mod edit;
mod fault;
mod files;
mod follow;
mod known;
mod look;
mod lookup;
mod open;
mod owner;
mod pages;
mod probe;
mod snapshot;
mod store;
mod sweeper;
mod tables;
mod tiers;
mod verify;
mod view;
mod writer;

pub use cache_file::{FIRST_DISK_RETRY, LAST_DISK_RETRY};
pub use files::MOST_QUARANTINED;

pub(crate) use ballast::Ballast;
pub(crate) use batch::RangeRemoval;
pub(crate) use cache_file::{CacheFile, FIRST_GENERATION};
pub(crate) use command::Acknowledge;
pub(crate) use edit::Edit;
pub(crate) use files::{OwnerLock, absolute, create_parents};
pub(crate) use follow::Followed;
pub(crate) use known::{Known, Registration};
pub(crate) use look::{Condition, Facts, Look};
pub(crate) use open::{OpenOptions, Opened, open};
pub(crate) use owner::has_ended;
pub(crate) use pages::{Pages, verify_pages};
pub(crate) use snapshot::Snapshot;
pub use sweeper::Swept;
pub(crate) use sweeper::{Nudge, Sweeper};
pub(crate) use tiers::Tiers;
pub use verify::Verified;
pub(crate) use view::DiskView;
pub(crate) use writer::{Limits, Writer};
