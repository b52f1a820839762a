"""A job, from the bytes of the request to the lines of the result."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from .decoding import Decoder, Lines
from .pool import Pool
from .transform import MAX_ERRORS, Result

FLUSH_SECONDS = 0.5  # lines of a slow client wait no longer for their batch to fill


class ClientLeft(Exception):
    """There is nobody to work for any more."""


class TooLarge(Exception):
    """The decoded input exceeds the limit."""


@dataclass
class Job:
    """How far it is. `shown()` is what clients see."""

    id: str
    state: str = "waiting"  # for its request; then running, done or failed
    error: str | None = None  # why it failed
    size: int | None = None  # of the request's body in bytes, if the client says
    received: int = 0  # bytes of it
    decoded: int = 0  # bytes
    lines: int = 0
    records: int = 0
    bad: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)  # the first ones, by line
    result: str | None = None  # the file's path on this server
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None

    def begin(self, size: int | None) -> None:
        self.state, self.size, self.started = "running", size, time.monotonic()

    def end(self, error: str | None = None) -> None:
        self.state, self.error = ("failed" if error else "done"), error
        self.ended = time.monotonic()

    def add(self, result: Result) -> None:
        room = MAX_ERRORS - len(self.errors)
        self.errors += [(self.lines + line, why) for line, why in result.errors[:room]]
        self.lines += result.lines
        self.records += result.records
        self.bad += result.bad

    def shown(self) -> dict[str, Any]:
        """For JSON, with the seconds that it has taken."""
        shown = vars(self) | {"seconds": round((self.ended or time.monotonic()) - self.started, 3)}
        del shown["started"], shown["ended"]
        return shown


async def results(job: Job, receive: Any, pool: Pool, max_bytes: int) -> AsyncIterator[bytes]:
    """The output, in the order of the input.

    One task reads, decodes and gives batches to the pool; here their results are awaited. The queue
    between the two bounds what is in flight: when it is full, reading stops, and the server lets
    the client wait.

    Raises BadInput, TooLarge, WorkerDied, and ClientLeft.
    """
    waiting: asyncio.Queue[asyncio.Task[Result] | None] = asyncio.Queue(2 * pool.size + 1)

    async def read() -> None:
        async for batch in batches(job, receive, max_bytes):
            task = asyncio.create_task(pool.transform(batch))
            task.add_done_callback(note_failure)  # nobody awaits it once an earlier one fails
            await waiting.put(task)
        await waiting.put(None)

    reader = asyncio.create_task(read())
    try:
        while True:
            task = await first(waiting.get(), reader)
            if task is None:
                return
            try:
                result = await task
            finally:
                task.cancel()
            job.add(result)
            if result.output:
                yield result.output
    finally:
        reader.cancel()
        while not waiting.empty():
            if (task := waiting.get_nowait()) is not None:
                task.cancel()
        await asyncio.wait({reader})


def note_failure(task: asyncio.Task[Result]) -> None:
    if not task.cancelled():
        task.exception()


async def first(getting: Any, reader: asyncio.Task[None]) -> asyncio.Task[Result] | None:
    """The next task of the queue, or what the reader raises once nothing is left."""
    got = asyncio.ensure_future(getting)
    try:
        await asyncio.wait({got, reader}, return_when=asyncio.FIRST_COMPLETED)
        if not got.done():
            reader.result()
        return await got
    finally:
        got.cancel()


async def batches(job: Job, receive: Any, max_bytes: int) -> AsyncIterator[bytes]:
    """Batches of whole lines, as the body of the request arrives."""
    decoder, lines = Decoder(), Lines()
    yielded = time.monotonic()
    async for data in body(receive):
        job.received += len(data)
        for piece in decoder.feed(data):
            if batch := lines.feed(checked(job, piece, max_bytes)):
                yield batch
                yielded = time.monotonic()
            await asyncio.sleep(0)  # others want the event loop too
        if time.monotonic() - yielded > FLUSH_SECONDS and (batch := lines.flush()):
            yield batch
            yielded = time.monotonic()
    for piece in decoder.finish():
        if batch := lines.feed(checked(job, piece, max_bytes)):
            yield batch
    if batch := lines.finish():
        yield batch


def checked(job: Job, piece: bytes, max_bytes: int) -> bytes:
    job.decoded += len(piece)
    if job.decoded > max_bytes:
        raise TooLarge(f"the decoded input is larger than {max_bytes} bytes")
    return piece


async def body(receive: Any) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return
