"""The settings of django-redis' own tests, with this server in place of theirs."""

import os

URL = os.environ["REDIS_URL"]
CLIENT = {"CLIENT_CLASS": "django_redis.client.DefaultClient"}


def cache(location, **more):
    return {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": location, "OPTIONS": CLIENT, **more}


SECRET_KEY = "django_tests_secret_key"
CACHES = {
    "default": cache([URL, URL]),
    # No server has this port.
    "doesnotexist": cache("redis://127.0.0.1:1?db=1"),
    "sample": cache([URL, URL]),
    "with_prefix": cache(URL, KEY_PREFIX="test-prefix"),
}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
USE_TZ = False
