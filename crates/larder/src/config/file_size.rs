//! Lowers the disk capacity to fit the process's limit on file length.

use super::{CacheBuilder, MIN_DISK};
use crate::error::Error;
use crate::units::ByteSize;

/// Maximum length of the file as a multiple of the disk capacity. The length of a file grows by whole regions
/// or doubles, and a hole counts in the length.
pub const MAX_LENGTH_PER_CAPACITY: u64 = 2;

impl CacheBuilder {
    /// Lowers the disk capacity if the process's limit on file length requires it. Returns a message for the
    /// user if the capacity was lowered.
    pub(crate) fn fit_file_size_limit(&mut self, limit: Option<u64>) -> Result<Option<String>, Error> {
        let Some(limit) = limit.filter(|_| self.path.is_some()) else { return Ok(None) };
        let (asked, most) = (self.disk_capacity, ByteSize::bytes(limit / MAX_LENGTH_PER_CAPACITY));
        let limit = ByteSize::bytes(limit);
        if most >= asked {
            return Ok(None);
        }
        if most < MIN_DISK {
            let least = ByteSize::bytes(MIN_DISK.as_u64() * MAX_LENGTH_PER_CAPACITY);
            return Err(Error::InvalidSetting {
                setting: "disk_capacity",
                value: asked.to_string(),
                allowed: format!(
                    "but this process may write no file beyond {limit} (ulimit -f), and the least that a cache \
                     file needs is {least}; raise that limit, or give the cache no file"
                ),
            });
        }
        self.disk_capacity = most;
        Ok(Some(format!(
            "its capacity is {most} and not {asked}, because this process may write no file beyond {limit} \
             (ulimit -f), and a file may be twice its capacity long; raise that limit, or lower disk_capacity"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::cache::Cache;

    #[test]
    fn the_capacity_is_lowered_to_half_of_the_limit_and_no_further_than_the_least() {
        let fit = |limit| {
            let mut builder = Cache::builder().path("shop.larder").disk_capacity(ByteSize::mib(16));
            let told = builder.fit_file_size_limit(limit).map_err(|error| error.to_string());
            told.map(|told| (told, builder.disk_capacity))
        };
        assert_eq!(fit(None), Ok((None, ByteSize::mib(16))));
        assert_eq!(fit(Some(32 << 20)), Ok((None, ByteSize::mib(16))));
        let (told, capacity) = fit(Some((32 << 20) - 1)).unwrap();
        assert!(told.unwrap().contains("ulimit -f") && capacity < ByteSize::mib(16));
        assert_eq!(fit(Some(2 << 20)).unwrap().1, MIN_DISK);
        let refused = fit(Some((2 << 20) - 1)).unwrap_err();
        assert!(refused.contains("ulimit -f") && refused.contains("raise that limit"), "{refused}");
        let mut in_memory = Cache::builder();
        assert!(matches!(in_memory.fit_file_size_limit(Some(0)), Ok(None)), "it writes no file");
    }
}
