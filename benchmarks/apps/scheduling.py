"""What a loop takes to schedule: `asyncio` or `uvloop`; prints one reading of each as JSON."""

import asyncio
import json
import sys
import time
from statistics import median

from benchmarks.apps.loops import run

TASKS, CALLBACKS, TIMERS = 10_000, 100_000, 100


async def sleeping() -> float:
    """Milliseconds of CPU that so many tasks take which sleep at the same time."""
    began = time.process_time()
    await asyncio.gather(*(asyncio.sleep(0.1) for _ in range(TASKS)))
    return (time.process_time() - began) * 1e3


async def call_soon() -> float:
    """Nanoseconds from one call_soon() to its callback, which calls it again."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def again(left: int) -> None:
        if left:
            loop.call_soon(again, left - 1)
        else:
            done.set_result(None)

    began = time.perf_counter()
    loop.call_soon(again, CALLBACKS)
    await done
    return (time.perf_counter() - began) / CALLBACKS * 1e9


async def late() -> float:
    """Microseconds that a timer of one millisecond comes late, in the median."""
    found = []
    for _ in range(TIMERS):
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        found.append(time.perf_counter() - began - 0.001)
    return median(found) * 1e6


async def main() -> None:
    print(json.dumps([await each() for each in (sleeping, call_soon, late)]))


run(sys.argv[1], main())
