"""Parsers and the app timed by themselves, in one process on the server's core.

`python -m benchmarks.alone SECONDS ROUNDS < requests.json` in the Python to measure; prints JSON.
The requests are {name: latin-1 text}; each result is the nanoseconds of every round. The clock is
the process's own time on the processor, and the canary of `benchmarks.slices` runs beside it.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from benchmarks.machine import ROLES, ROOT
from benchmarks.slices import canary

RETRIES = 7  # of a reading that others disturbed; the median of the rounds bears the rest


def measure(
    python: str, requests: dict[str, bytes], seconds: float, rounds: int
) -> tuple[dict[str, dict[str, list[float]]], dict[str, str]]:
    """({request: {parser: nanoseconds of each round}}, {parser: why it was left out})."""
    result = subprocess.run(
        ["taskset", "-c", str(ROLES.server), python, "-m", __name__, str(seconds), str(rounds)],
        input=json.dumps({name: data.decode("latin-1") for name, data in requests.items()}),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if result.returncode != 0:
        raise RuntimeError(f"{__name__} failed: {result.stderr.strip()[-500:]}")
    found = json.loads(result.stdout)
    return found["figures"], found["left_out"]


def interleaved(
    jobs: dict[str, Callable[[], object]], seconds: float, rounds: int
) -> dict[str, list[float]]:
    """Nanoseconds per call of each job, once per round, so that all meet the same machine."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    counts = {name: _calls_in(job, seconds) for name, job in jobs.items()}
    for _ in range(rounds):
        for name, job in jobs.items():
            times[name].append(_undisturbed(job, counts[name]))
    return times


def _undisturbed(job: Callable[[], object], count: int) -> float:
    """One reading, taken again while others slow the core (see `benchmarks.slices`)."""
    ear = canary(ROLES.server)
    for _ in range(1 + RETRIES):
        ear.forget()
        began = time.monotonic()
        each = _time(job, count)
        ear.listen()
        if not ear.is_slowed(began, time.monotonic()):
            break
    return each


def _calls_in(job: Callable[[], object], seconds: float) -> int:
    """How often the job fits into so many seconds; this warms it up as well."""
    count = 10
    while (each := _time(job, count)) * count < min(seconds, 0.05) * 1e9:
        count *= 4
    return max(1, int(seconds * 1e9 / each))


def _time(job: Callable[[], object], count: int) -> float:
    turns = range(count)
    began = time.process_time_ns()
    for _ in turns:
        job()
    return max(1.0, (time.process_time_ns() - began) / count)


def app_call(path: str) -> Callable[[], object]:
    """One call of the app with a receive and a send that do nothing."""
    from benchmarks.apps.asgi import app

    scope = {"type": "http", "path": path}
    whole = {"type": "http.request", "body": b"", "more_body": False}

    async def receive() -> dict[str, Any]:
        return whole

    async def send(message: dict[str, Any]) -> None:
        """Nothing is sent."""

    def call() -> None:
        coroutine: Coroutine[Any, Any, None] = app(scope, receive, send)
        with contextlib.suppress(StopIteration):
            coroutine.send(None)

    return call


def main() -> None:
    from benchmarks.parsers import MAKERS

    seconds, rounds = float(sys.argv[1]), int(sys.argv[2])
    requests = {name: text.encode("latin-1") for name, text in json.load(sys.stdin).items()}
    figures: dict[str, dict[str, list[float]]] = {}
    left_out: dict[str, str] = {}
    asyncio.set_event_loop(asyncio.new_event_loop())
    for name, data in requests.items():
        jobs: dict[str, Callable[[], object]] = {}
        for parser, make in MAKERS.items():
            try:
                parse, parsed = make()
                for _ in range(2):
                    if problem := check(parsed(parse(data)), data):
                        raise ValueError(problem)
            except Exception as error:
                left_out[parser] = f"{name}: {error!r}"
                continue
            jobs[parser] = partial(parse, data)
        path = data.split(b" ", 2)[1].split(b"?")[0].decode()
        jobs["app"] = app_call(path)
        figures[name] = interleaved(jobs, seconds, rounds)
    print(json.dumps({"figures": figures, "left_out": left_out}))


def check(found: tuple[str, str, list[tuple[bytes, bytes]], bytes], data: bytes) -> str:
    """What is wrong with a parsed message, or nothing."""
    method, path, headers, body = found
    head, _, expected_body = data.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    expected = [tuple(each.split(b": ", 1)) for each in lines]
    lower = [(name.lower(), value) for name, value in expected]
    if [tuple(each) for each in headers] != lower:
        return f"headers {headers[:2]}..."
    if bytes(body) != expected_body:
        return f"a body of {len(body)} bytes"
    target = line.split(b" ")[1].split(b"?")[0].decode()
    return "" if (method, path) == (line.split(b" ")[0].decode(), target) else f"{method} {path}"


if __name__ == "__main__":
    main()
