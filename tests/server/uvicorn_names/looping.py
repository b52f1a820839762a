"""An application that runs an event loop when it is imported."""

import asyncio

from .programs import app as served


async def make():
    return served


app = asyncio.run(make())
