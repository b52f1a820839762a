"""Parsers and the app by themselves, in this process on the server's core."""

import asyncio
import os
import time
import types
from collections.abc import Callable, Generator, Iterable
from functools import partial
from itertools import repeat
from typing import Any

from benchmarks.apps.asgi import app
from benchmarks.machine import SERVER_CORE
from benchmarks.parsers import MAKERS, batch

Job = Callable[[], object]


def measure(
    requests: dict[str, bytes], seconds: float, rounds: int, names: Iterable[str] = MAKERS
) -> tuple[dict[str, dict[str, list[float]]], dict[str, str]]:
    """({request: {parser: nanoseconds of each round}}, {parser: why it was left out}).

    The clock is this process's own time on the processor.
    """
    figures: dict[str, dict[str, list[float]]] = {}
    left_out: dict[str, str] = {}
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        for name, data in requests.items():
            found, missing = jobs(data, names)
            left_out.update(missing)
            figures[name] = _interleaved(found, seconds, rounds)
    finally:
        os.sched_setaffinity(0, cores)
    return figures, left_out


def jobs(data: bytes, names: Iterable[str] = MAKERS) -> tuple[dict[str, Job], dict[str, str]]:
    """What is to be timed or counted of one request, each checked; and why not the others."""
    found: dict[str, Job] = {}
    left_out: dict[str, str] = {}
    parse, parsed = batch()
    method, path, headers, body = parsed(parse(data))
    for parser in names:
        try:
            parse, parsed = MAKERS[parser]()
            for _ in range(2):
                *line, found_headers, found_body = parsed(parse(data))
                assert (line, bytes(found_body)) == ([method, path], body), "another message"
                assert [*map(tuple, found_headers)] == headers, "other headers"
            found[parser] = partial(parse, data)
        except Exception as error:
            left_out[parser] = repr(error)
    found["app"] = app_call(path)
    return found, left_out


def app_call(path: str) -> Job:
    """One call of the app, with a receive and a send that are done at once and execute no Python.

    It is called within a generator, which takes its end without an exception, as servers do.
    """
    scope = {"type": "http", "path": path}
    receive = partial(next, repeat(done({"type": "http.request", "body": b"", "more_body": False})))
    send = partial(next, repeat(done(None)))

    @types.coroutine
    def calls() -> Generator[None, None, None]:
        while True:
            yield from app(scope, receive, send)
            yield

    return partial(next, calls())


def done(result: object) -> asyncio.Future[Any]:
    future = asyncio.Future[Any](loop=asyncio.new_event_loop())
    future.get_loop().close()
    future.set_result(result)
    return future


def _interleaved(found: dict[str, Job], seconds: float, rounds: int) -> dict[str, list[float]]:
    """Nanoseconds per call of each job, once per round, so that all meet the same machine."""
    times: dict[str, list[float]] = {name: [] for name in found}
    counts = {name: _calls_in(job, seconds) for name, job in found.items()}
    for _ in range(rounds):
        for name, job in found.items():
            times[name].append(_time(job, counts[name]))
    return times


def _calls_in(job: Job, seconds: float) -> int:
    """How often the job fits into so many seconds; this warms it up as well."""
    count = 10
    while (each := _time(job, count)) * count < min(seconds, 0.02) * 1e9:
        count *= 4
    return max(1, int(seconds * 1e9 / each))


def _time(job: Job, count: int) -> float:
    turns = range(count)
    began = time.process_time_ns()
    for _ in turns:
        job()
    return max(1.0, (time.process_time_ns() - began) / count)
