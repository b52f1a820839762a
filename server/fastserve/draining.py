"""A stop: finish what is in progress, as far as time allows."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any

from .config import Config
from .listener import Listener
from .service import Service

logger = logging.getLogger("fastserve")

# What calls of the app have to end once they are told (http.disconnect), before they are cancelled
WARN_SECONDS = 5.0
# Turns of the loop after which those who were accepted last, and reset, are forgotten.
ACCEPT_TURNS = 5
HANDSHAKE_SECONDS = 1.0  # what TLS handshakes in progress have at a stop
QUIET_SECONDS = 1.0  # a stop that takes no longer needs no explanation


async def drain(service: Service, listener: Listener, config: Config, abort: asyncio.Event) -> bool:
    """Until nothing is in progress, `timeout_graceful_shutdown` is over or `abort` is set.

    Whether nothing is in progress any more.
    """
    service.drain()
    for _ in range(ACCEPT_TURNS):
        await asyncio.sleep(0)
    if service.idle and not listener.handshakes:
        return True
    loop = asyncio.get_running_loop()
    timeout = config.timeout_graceful_shutdown
    timers = [loop.call_later(HANDSHAKE_SECONDS, listener.abort)]
    if timeout:
        timers.append(loop.call_later(max(timeout - WARN_SECONDS, timeout / 2), service.warn))
    closing = loop.create_task(listener.end_tls())
    try:
        return await first(finish(service, listener), abort, timeout)
    finally:
        closing.cancel()
        for timer in timers:
            timer.cancel()


async def finish(service: Service, listener: Listener) -> None:
    while not service.idle or listener.handshakes:
        await listener.wait_handshakes()
        await service.wait_closed()


def say_what_is_left(services: Sequence[Service], timeout: float | None, force: str) -> None:
    """`force` says how a person closes it now."""
    limit = "without a limit" if timeout is None else f"up to {timeout:g} s"
    logger.info("Waiting %s for %s; %s", limit, what_is_left(services), force)


def what_is_left(services: Sequence[Service]) -> str:
    """As a person would say it, for the log."""
    counts = (
        (sum(len(each.connections) for each in services), "connection"),
        (sum(len(each.websockets) for each in services), "WebSocket"),
    )
    parts = [f"{count} {name}{'s' * (count != 1)}" for count, name in counts if count]
    return " and ".join(parts) or "calls of the application"


async def first(
    work: Coroutine[Any, Any, None], event: asyncio.Event, timeout: float | None = None
) -> bool:
    """Whether the work ends before the event is set and `timeout` seconds pass.

    Otherwise the work is cancelled.
    """
    task = asyncio.ensure_future(work)
    waiter = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([task, waiter], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            return False
        task.result()
        return True
    finally:
        waiter.cancel()
        task.cancel()
