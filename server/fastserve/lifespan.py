"""ASGI lifespan: startup before the first connection, shutdown after the last request."""

import asyncio
import enum
import logging
from typing import Any

from .errors import LifespanError
from .types import ASGIApp, Message

logger = logging.getLogger("fastserve")


class Phase(enum.Enum):
    """The phase of the app; REPLIES has the messages it may send in each."""

    STARTING = enum.auto()
    RUNNING = enum.auto()
    STOPPING = enum.auto()
    DONE = enum.auto()


REPLIES = {
    Phase.STARTING: ("lifespan.startup.complete", "lifespan.startup.failed"),
    Phase.RUNNING: (),
    Phase.STOPPING: ("lifespan.shutdown.complete", "lifespan.shutdown.failed"),
    Phase.DONE: (),
}


class Lifespan:
    """The app's lifespan call; `mode` is auto, on or off.

    `state` is what the app put in scope["state"]; every request gets a shallow copy of it.
    """

    def __init__(self, app: ASGIApp, mode: str) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._mode = mode
        self._phase = Phase.STARTING
        self._error: Exception | None = None  # raised by the app's call
        self._asked = False  # the app has received the startup event
        self._shutdown_wanted = asyncio.Event()
        self._reply: asyncio.Future[Message] | None = None
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Return when the app has started or has no lifespan. Raises LifespanError."""
        if self._mode == "off":
            self._phase = Phase.DONE
            return
        loop = asyncio.get_running_loop()
        self._reply = loop.create_future()
        self._task = loop.create_task(self._run(), name="fastserve lifespan")
        reply = await self._wait_reply(self._task)
        if reply is None:
            self._without_startup()
        elif reply["type"] == "lifespan.startup.failed":
            await self._log_failure(self._task, reply)
            raise LifespanError(f"the application failed to start{reason(reply)}")

    async def shutdown(self) -> None:
        """Ask the app to shut down and wait until it has; one that has not started is cancelled.

        Raises LifespanError.
        """
        if self._phase is Phase.STARTING:
            await self.close()
        if self._task is None or self._phase is not Phase.RUNNING:
            return
        self._phase = Phase.STOPPING
        self._reply = asyncio.get_running_loop().create_future()
        self._shutdown_wanted.set()
        reply = await self._wait_reply(self._task)
        if reply is None and self._error is not None:
            raise LifespanError("the application failed to stop")
        if reply is not None and reply["type"] == "lifespan.shutdown.failed":
            await self._log_failure(self._task, reply)
            raise LifespanError(f"the application failed to stop{reason(reply)}")

    async def close(self) -> None:
        """End the app's lifespan call, cancelling it if it has not returned."""
        self._phase = Phase.DONE
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)

    async def _wait_reply(self, task: asyncio.Task[None]) -> Message | None:
        """The app's answer, or None when it returned or raised without one."""
        assert self._reply is not None
        either: list[asyncio.Future[Any]] = [self._reply, task]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return self._reply.result() if self._reply.done() else None

    async def _log_failure(self, task: asyncio.Task[None], reply: Message) -> None:
        """Log the reason: most frameworks raise after this message, or put a traceback in it."""
        await asyncio.wait([task], timeout=1)
        if self._error is None and "\n" in reply.get("message", ""):
            logger.error("%s", reply["message"].rstrip())

    def _without_startup(self) -> None:
        # ASGI lifespan: an app that raises has no lifespan, and the server continues.
        error = self._error
        if self._mode == "on":
            how = "returned" if error is None else "raised"
            logger.error(
                "The application's lifespan call %s before startup was complete",
                how,
                exc_info=error,
            )
            raise LifespanError("the application does not support lifespan, but --lifespan is on")
        if self._asked and error is not None:
            logger.warning(
                "The application raised during lifespan startup; serving without lifespan",
                exc_info=error,
            )

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._receive, self._send)
        except Exception as error:
            self._error = error
            if self._phase is not Phase.STARTING:  # startup() handles it otherwise
                logger.error("The application raised in its lifespan call", exc_info=error)
        finally:
            self._phase = Phase.DONE

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "lifespan.startup"}
        if self._phase is Phase.DONE:
            # There are no more events; close() cancels this.
            await asyncio.Future[None]()
        await self._shutdown_wanted.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind not in REPLIES[self._phase]:
            raise RuntimeError(
                f"{kind!r} is not allowed while the lifespan is {self._phase.name.lower()}"
            )
        assert self._reply is not None
        self._phase = Phase.RUNNING if kind == "lifespan.startup.complete" else Phase.DONE
        self._reply.set_result(message)


def reason(reply: Message) -> str:
    """The last line of the app's message; in a traceback it has the error."""
    lines = reply.get("message", "").strip().splitlines()
    return f": {lines[-1]}" if lines else ""
