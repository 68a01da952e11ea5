"""Django's own cache over the server that larder uses. Each line of the input is a call, and of the output its
result: ["json", "get", "product_MTNVTU"]. The two caches differ only in how they write values."""

import json
import os
import sys

from django.conf import settings
from django.core.cache import caches


class JsonText:
    """Values are JSON text, as a keyspace of `Format::Raw` has them."""

    def dumps(self, value):
        return json.dumps(value).encode()

    def loads(self, data):
        return json.loads(data)


SHOP = {
    "BACKEND": "django.core.cache.backends.redis.RedisCache",
    "LOCATION": os.environ["REDIS_URL"],
    "KEY_PREFIX": "shop",
    "VERSION": 0,
}
settings.configure(CACHES={"default": SHOP, "json": {**SHOP, "OPTIONS": {"serializer": JsonText}}})

for line in sys.stdin:
    name, call, *arguments = json.loads(line)
    print(json.dumps(getattr(caches[name], call)(*arguments)), flush=True)
