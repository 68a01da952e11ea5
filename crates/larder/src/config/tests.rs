use super::validate::check_ttl;
use super::*;
use crate::error::Error;

#[test]
fn a_small_cache_has_few_shards_unless_told_otherwise() {
    let shards = |capacity| CacheBuilder::default().memory_capacity(capacity).shards_or_default();
    assert_eq!((shards(ByteSize::kib(64)), shards(ByteSize::mib(3))), (1, 2));
    assert!(shards(ByteSize::gib(64)) >= 8);
    assert_eq!(CacheBuilder::default().memory_capacity(ByteSize::mib(1)).shards(16).shards_or_default(), 16);
}

#[test]
fn a_larger_memory_has_a_larger_write_buffer_unless_told_otherwise() {
    let buffer = |memory| CacheBuilder::default().memory_capacity(memory).settings().unwrap().write_buffer;
    let mib = [1, 32, 64, 256, 512, 4096].map(|memory| buffer(ByteSize::mib(memory)));
    assert_eq!(mib, [8, 8, 16, 64, 128, 128].map(ByteSize::mib));
    let builder = CacheBuilder::default().write_buffer(ByteSize::mib(1)).memory_capacity(ByteSize::gib(1));
    assert_eq!(builder.settings().unwrap().write_buffer, ByteSize::mib(1));
}

#[test]
fn every_setting_out_of_range_is_refused_by_its_name() {
    let builder = CacheBuilder::default;
    let hour = Duration::from_secs(3601);
    let cases = [
        ("memory_capacity", builder().memory_capacity(0)),
        ("memory_capacity", builder().memory_capacity(u64::MAX)),
        ("disk_capacity", builder().disk_capacity(ByteSize::kib(1023))),
        ("write_buffer", builder().write_buffer(1)),
        ("page_cache", builder().page_cache(0)),
        ("flush_interval", builder().flush_interval(Duration::ZERO)),
        ("flush_interval", builder().flush_interval(hour)),
        ("sweep_interval", builder().sweep_interval(Duration::from_micros(1))),
        ("open_timeout", builder().open_timeout(hour)),
        ("load_timeout", builder().load_timeout(Duration::ZERO)),
        ("load_timeout", builder().load_timeout(Duration::MAX)),
        ("lease_timeout", builder().lease_timeout(Duration::ZERO)),
        ("lease_timeout", builder().lease_timeout(Duration::MAX)),
        ("load_threads", builder().load_threads(0)),
        ("load_threads", builder().load_threads(65)),
        ("shards", builder().shards(0)),
        ("path", builder().path("..")),
        ("path", builder().path("var/")),
        ("path", builder().path("var/.")),
        ("path", builder().path("")),
    ];
    for (name, builder) in cases {
        let Err(Error::InvalidSetting { setting, .. }) = builder.validate() else {
            panic!("{name} was accepted")
        };
        assert_eq!(setting, name);
    }
    builder().validate().unwrap();
    let error = builder().memory_capacity(512).validate().unwrap_err().to_string();
    assert_eq!(error, "memory_capacity is 512 B; it may be from 64 KiB to 16 TiB");
}

#[test]
fn a_lifetime_is_at_least_a_millisecond_and_at_most_ten_years() {
    assert!(check_ttl(Duration::ZERO).is_err() && check_ttl(Duration::MAX).is_err());
    assert!(check_ttl(MIN_TTL).is_ok() && check_ttl(MAX_TTL).is_ok());
}
