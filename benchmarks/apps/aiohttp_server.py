"""aiohttp's server: PORT asyncio|uvloop."""

import asyncio
import sys

from aiohttp import web

from benchmarks.apps.loops import run


async def answer(request: web.Request) -> web.Response:
    return web.Response(body=b"Hello, world!", content_type="text/plain")


async def serve(port: int) -> None:
    app = web.Application()
    app.add_routes([web.get("/", answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


port, loop = sys.argv[1:]
run(loop, serve(int(port)))
