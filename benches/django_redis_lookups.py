"""Looks up pages in Django's cache over django-redis, and loads and stores those that are missing.

The argument is the socket of a Redis server. Each line of standard input has the number of the first page and
the number of pages. The answer is a line with the mean nanoseconds per lookup, and the number of loads.
"""

import sys
import time

from django.conf import settings

settings.configure(
    CACHES={
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"unix://{sys.argv[1]}?db=0",
        }
    }
)

from django.core.cache import cache  # noqa: E402 (it reads the settings)

TTL = 24 * 3600


def lookup(number):
    key = f"product_{number:08}"
    page = cache.get(key)
    if page is not None:
        return 0
    cache.set(key, {"text": f"{number:0256}"}, TTL)
    return 1


for line in sys.stdin:
    first, count = map(int, line.split())
    began = time.perf_counter_ns()
    loads = sum(lookup(number) for number in range(first, first + count))
    print((time.perf_counter_ns() - began) / count, loads, flush=True)
