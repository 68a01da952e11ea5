//! Redis commands that this server does not support. Most of them need values other than strings. The error
//! reply says what to use instead.

/// The unsupported commands, by family.
const FAMILIES: [(&str, &[&str]); 8] = [
    (
        "lists",
        &[
            "blmove",
            "blmpop",
            "blpop",
            "brpop",
            "brpoplpush",
            "lindex",
            "linsert",
            "llen",
            "lmove",
            "lmpop",
            "lpop",
            "lpos",
            "lpush",
            "lpushx",
            "lrange",
            "lrem",
            "lset",
            "ltrim",
            "rpop",
            "rpoplpush",
            "rpush",
            "rpushx",
            "sort",
            "sort_ro",
        ],
    ),
    (
        "sets",
        &[
            "sadd",
            "scard",
            "sdiff",
            "sdiffstore",
            "sinter",
            "sintercard",
            "sinterstore",
            "sismember",
            "smembers",
            "smismember",
            "smove",
            "spop",
            "srandmember",
            "srem",
            "sscan",
            "sunion",
            "sunionstore",
        ],
    ),
    (
        "sorted sets",
        &[
            "bzmpop",
            "bzpopmax",
            "bzpopmin",
            "geoadd",
            "geodist",
            "geohash",
            "geopos",
            "georadius",
            "georadiusbymember",
            "geosearch",
            "geosearchstore",
            "zadd",
            "zcard",
            "zcount",
            "zdiff",
            "zdiffstore",
            "zincrby",
            "zinter",
            "zintercard",
            "zinterstore",
            "zlexcount",
            "zmpop",
            "zmscore",
            "zpopmax",
            "zpopmin",
            "zrandmember",
            "zrange",
            "zrangebylex",
            "zrangebyscore",
            "zrangestore",
            "zrank",
            "zrem",
            "zremrangebylex",
            "zremrangebyrank",
            "zremrangebyscore",
            "zrevrange",
            "zrevrangebylex",
            "zrevrangebyscore",
            "zrevrank",
            "zscan",
            "zscore",
            "zunion",
            "zunionstore",
        ],
    ),
    (
        "hashes",
        &[
            "hdel",
            "hexists",
            "hget",
            "hgetall",
            "hincrby",
            "hincrbyfloat",
            "hkeys",
            "hlen",
            "hmget",
            "hmset",
            "hrandfield",
            "hscan",
            "hset",
            "hsetnx",
            "hstrlen",
            "hvals",
        ],
    ),
    (
        "streams",
        &[
            "xack",
            "xadd",
            "xautoclaim",
            "xclaim",
            "xdel",
            "xgroup",
            "xinfo",
            "xlen",
            "xpending",
            "xrange",
            "xread",
            "xreadgroup",
            "xrevrange",
            "xsetid",
            "xtrim",
        ],
    ),
    (
        "publish and subscribe",
        &[
            "psubscribe",
            "publish",
            "pubsub",
            "punsubscribe",
            "spublish",
            "ssubscribe",
            "subscribe",
            "sunsubscribe",
            "unsubscribe",
        ],
    ),
    (
        "bitmaps and HyperLogLogs",
        &[
            "bitcount",
            "bitfield",
            "bitfield_ro",
            "bitop",
            "bitpos",
            "getbit",
            "pfadd",
            "pfcount",
            "pfmerge",
            "setbit",
        ],
    ),
    (
        "functions, replication and clusters",
        &[
            "asking",
            "cluster",
            "failover",
            "fcall",
            "fcall_ro",
            "function",
            "migrate",
            "psync",
            "readonly",
            "readwrite",
            "replconf",
            "replicaof",
            "slaveof",
            "sync",
        ],
    ),
];

/// Returns the error reply for a command of these families, or `None` for any other command.
pub(super) fn purpose(name: &[u8]) -> Option<String> {
    let is_name = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
    let (family, commands) = FAMILIES.iter().find(|(_, commands)| commands.iter().any(is_name))?;
    let name = commands.iter().find(|known| is_name(known))?;
    Some(format!(
        "ERR '{name}' is not supported: larder is a cache of single values, for caches, sessions, rate limits and \
         locks; for {family}, such as the queues of Celery and rq, use a Redis server beside it"
    ))
}

#[cfg(test)]
mod tests {
    use super::purpose;

    #[test]
    fn a_command_of_another_kind_of_value_names_its_family() {
        assert!(purpose(b"LPush").unwrap().starts_with("ERR 'lpush' is not supported: larder is a cache"));
        assert!(purpose(b"hset").unwrap().contains("for hashes,"));
        assert_eq!(purpose(b"nope"), None);
    }
}
