"""redis-py's Lock, pipelines and scans, and the fixed window of limits, as their users call them."""

import os

import limits
import redis
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import LockError, WatchError

URL = os.environ["REDIS_URL"]


def locks(client):
    lock = client.lock("report", timeout=60, blocking=False)
    other = client.lock("report", timeout=60, blocking=False)
    assert lock.acquire() and not other.acquire()
    assert lock.owned() and not other.owned()
    before = client.pttl("report")
    lock.extend(60)
    assert client.pttl("report") > before + 30_000
    lock.extend(30, replace_ttl=True)
    assert 0 < client.pttl("report") <= 30_000
    lock.reacquire()
    assert client.pttl("report") > 30_000
    lock.release()
    assert other.acquire()
    other.release()
    try:
        lock.release()
    except LockError:
        pass
    else:
        raise AssertionError("a lock that is not held was released")
    client.set("stolen", "x")
    held = client.lock("stolen-lock", timeout=60)
    with held:
        client.set("stolen-lock", "another token")
        try:
            held.extend(10)
        except LockError:
            client.set("stolen-lock", held.local.token)
        else:
            raise AssertionError("the lock of another holder was extended")


def pipelines(client):
    with client.pipeline() as pipe:
        pipe.set("a", 1).incrby("a", 5).get("a").delete("nothing").expire("a", 100).ttl("a")
        assert pipe.execute() == [True, 6, b"6", 0, True, 100]
    with client.pipeline(transaction=False) as pipe:
        for number in range(500):
            pipe.set(f"bulk:{number}", number, ex=100)
        assert all(pipe.execute())
    assert sorted(client.scan_iter("bulk:*", count=50)) == sorted(b"bulk:%d" % number for number in range(500))
    assert client.delete(*client.keys("bulk:*")) == 500
    assert client.mget("a", "b") == [b"6", None]

    # The classic of WATCH: a transaction that reads, computes and writes.
    with client.pipeline() as pipe:
        pipe.watch("a")
        value = int(pipe.get("a"))
        client.set("a", 100)
        pipe.multi()
        pipe.set("a", value + 1)
        try:
            pipe.execute()
        except WatchError:
            pass
        else:
            raise AssertionError("the watched key had changed")
    client.transaction(lambda pipe: pipe.multi() or pipe.incr("a"), "a")
    assert client.get("a") == b"101"


def windows():
    limiter = FixedWindowRateLimiter(RedisStorage(URL))
    limit = limits.parse("3/hour")
    assert [limiter.hit(limit, "ada") for _ in range(5)] == [True, True, True, False, False]
    assert limiter.get_window_stats(limit, "ada").remaining == 0
    assert limiter.hit(limit, "bola")


for protocol in (2, 3):
    client = redis.Redis.from_url(URL, protocol=protocol)
    client.flushdb()
    locks(client)
    pipelines(client)
windows()
print("locks, pipelines and windows work")
