"""aiohttp's server on uvloop: PORT."""

import sys

import uvloop
from aiohttp import web

from benchmarks.apps.bodies import BODIES


async def answer(request: web.Request) -> web.Response:
    return web.Response(body=BODIES[request.path], content_type="text/plain")


app = web.Application()
app.add_routes([web.get(path, answer) for path in BODIES])
web.run_app(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    access_log=None,
    print=None,
    loop=uvloop.new_event_loop(),
)
