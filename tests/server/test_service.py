"""What all connections of a process share."""

import asyncio

from fastserve import Config
from fastserve.service import make_service


async def app(scope, receive, send):
    raise RuntimeError


def test_a_wait_that_is_cancelled_does_not_end_another_one():
    """A second stop signal gives up the first wait and begins one of its own."""

    async def wait_twice():
        service = make_service(app, Config(app), asyncio.get_running_loop(), {}, None)
        connection = object()
        service.connections.add(connection)
        first = asyncio.ensure_future(service.wait_closed())
        await asyncio.sleep(0)
        second = asyncio.ensure_future(service.wait_closed())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        service.connections.discard(connection)
        service.notice()
        await asyncio.wait_for(second, 30)
        service.stop()

    asyncio.run(wait_twice())
