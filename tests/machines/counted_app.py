"""Answers that can be checked, and a count in Redis that knows each key once.

GET /text/ABC answers ABC and the name of the server; POST /count/KEY the number of keys until now.
"""

import asyncio
import os

import redis.asyncio

NAME = os.environ["SERVER_NAME"]
WORK_SECONDS = 0.02  # so that there are always requests in progress


class Counter:
    def __init__(self):
        self.redis = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"])
        # In one step, and the same answer for a key that comes again.
        self.add = self.redis.register_script(
            "local number = redis.call('get', KEYS[1])"
            "if not number then number = redis.call('incr', 'count') redis.call('set', KEYS[1], number) end"
            " return tostring(number)"
        )


counter = None


async def app(scope, receive, send):
    global counter
    assert scope["type"] == "http"
    counter = counter or Counter()
    kind, _, word = scope["path"].strip("/").partition("/")
    await asyncio.sleep(WORK_SECONDS)
    body = word.encode()
    if kind == "count":
        body = await counter.add(keys=[f"key:{word}"])
    headers = [(b"content-length", b"%d" % len(body)), (b"x-server", NAME.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
