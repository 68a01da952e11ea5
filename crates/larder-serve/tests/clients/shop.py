"""The shop of the guide: its Django settings as they stand, with two worker processes."""

import multiprocessing
import os
import sys

import django
from django.conf import settings

def settings_of_the_guide():
    """Returns the settings of the guide's section, as they stand there."""
    with open(os.environ["GUIDE"], encoding="utf-8") as guide:
        section = guide.read().split("### Several processes", 1)[1].split("\n### ", 1)[0]
    block = section.split("```python\n", 1)[1].split("```", 1)[0]
    names = {"os": os}
    exec(block, names)
    return {name: value for name, value in names.items() if name.isupper()}


def configure():
    settings.configure(SECRET_KEY="test", ROOT_URLCONF=__name__, **settings_of_the_guide())
    django.setup()


urlpatterns = []

COUNTS = 300


def worker(number, barrier, failures):
    try:
        configure()
        from django.core.cache import cache
        from django.http import HttpRequest
        from django_ratelimit.core import is_ratelimited
        from importlib import import_module

        barrier.wait()
        # Each worker checks that the cache works. One worker stores entries of the shop.
        cache.set(f"test_key_{number}", "test_value", 60)
        assert cache.get(f"test_key_{number}") == "test_value"
        if number == 0:
            cache.set("product_categories_active", [{"code": "DATA"}], 7200)
            cache.set("product_MTNVTU", {"code": "MTNVTU", "price": 100}, 3600)
            cache.set_many({"data_package_MTNDATA_1GB": 1, "data_package_MTNDATA_2GB": 2}, 3600)
        barrier.wait()
        # Each worker sees the values that the other has cached.
        assert cache.get("product_categories_active") == [{"code": "DATA"}]
        assert 7100 < cache.ttl("product_categories_active") <= 7200
        assert cache.get_many(["data_package_MTNDATA_1GB", "data_package_MTNDATA_2GB", "missing"]) == {
            "data_package_MTNDATA_1GB": 1,
            "data_package_MTNDATA_2GB": 2,
        }
        barrier.wait()
        # One worker invalidates. No worker finds the old value afterwards.
        if number == 1:
            cache.delete("product_MTNVTU")
            cache.delete_pattern("data_package_MTNDATA_*")
        barrier.wait()
        assert cache.get("product_MTNVTU") is None
        assert cache.get("data_package_MTNDATA_1GB") is None
        # Both count, and no count is lost.
        cache.get_or_set("visits", 0, None)
        barrier.wait()
        for _ in range(COUNTS):
            cache.incr("visits")
        barrier.wait()
        assert cache.get("visits") == 2 * COUNTS, cache.get("visits")
        # Only one of the two workers can add the key.
        assert cache.add("winner", number, 60) == (cache.get("winner") == number)
        with cache.lock("report", timeout=60):
            assert cache.incr("in_report") == 1 if cache.get("in_report") is not None else cache.add("in_report", 1)
            assert cache.decr("in_report") == 0
        barrier.wait()
        # Sessions: one worker logs in, the other knows the user.
        store = import_module(settings.SESSION_ENGINE).SessionStore
        if number == 0:
            session = store(session_key=None)
            session["user"] = "ada"
            session.save()
            cache.set("session_key", session.session_key)
        barrier.wait()
        assert store(session_key=cache.get("session_key"))["user"] == "ada"
        # The rate limit counts the requests of both workers.
        request = HttpRequest()
        request.META["REMOTE_ADDR"] = "10.0.0.1"
        request.method = "POST"
        limited = [
            is_ratelimited(request, group="login", key="ip", rate="4/h", increment=True) for _ in range(3)
        ]
        cache.set(f"limited_{number}", sum(limited))
        barrier.wait()
        assert cache.get("limited_0") + cache.get("limited_1") == 2
        barrier.wait()
        if number == 0:
            cache.clear()
        barrier.wait()
        assert cache.get("visits") is None
    except BaseException as error:
        failures.put(f"worker {number}: {error!r}")
        barrier.abort()
        raise


if __name__ == "__main__":
    barrier, failures = multiprocessing.Barrier(2), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=worker, args=(number, barrier, failures)) for number in range(2)]
    for process in workers:
        process.start()
    for process in workers:
        process.join()
    if any(process.exitcode for process in workers):
        sys.exit("\n".join(failures.get() for _ in range(failures.qsize())) or "a worker has failed")
    print("the shop works with two workers")
