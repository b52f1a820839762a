"""`--log-level trace`: every ASGI message, for finding out what an application and we say."""

import itertools
import logging
import threading
from typing import Any

from .formatters import TRACE
from .types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("fastserve.asgi")

SIZED = {"body": "bytes", "bytes": "bytes", "text": "characters"}


def traced(app: ASGIApp) -> ASGIApp:
    """The app, with a line for each call, each message and its end."""
    numbers, lock = itertools.count(1), threading.Lock()  # event loops in several threads call it

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        with lock:
            number = next(numbers)

        async def traced_receive() -> Message:
            message = await receive()
            logger.log(TRACE, "[%d] receive %s", number, shown(message))
            return message

        async def traced_send(message: Message) -> None:
            logger.log(TRACE, "[%d] send %s", number, shown(message))
            await send(message)

        logger.log(TRACE, "[%d] called with %s", number, shown(scope))
        try:
            await app(scope, traced_receive, traced_send)
        except BaseException as error:
            logger.log(TRACE, "[%d] raised %s", number, type(error).__name__)
            raise
        logger.log(TRACE, "[%d] returned", number)

    return call


def shown(message: Any) -> dict[str, Any]:
    """The message without what may be long or secret: content and headers."""
    result = dict(message)
    for key, unit in SIZED.items():
        if result.get(key) is not None:
            result[key] = f"<{len(result[key])} {unit}>"
    if "headers" in result:
        result["headers"] = "<...>"  # which may be an iterator that can be read once
    return result
