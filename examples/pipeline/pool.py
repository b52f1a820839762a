"""The processes that transform batches."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from .transform import Result, transform_batch


class WorkerDied(Exception):
    """A process of the pool ended in the middle of its work, or cannot start."""


class Pool:
    """Transforms batches in `size` processes; replaces them all when one has died."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._executor = self._start()

    def _start(self) -> ProcessPoolExecutor:
        # Not fork: the child would have the event loop's sockets and locks.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.size, context, initializer=in_each_process)

    async def transform(self, batch: bytes) -> Result:
        """Raises WorkerDied; the next call finds new processes."""
        executor = self._executor
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(executor, transform_batch, batch)
        except BrokenProcessPool:
            self._replace(executor)
            raise WorkerDied("a process of the pool died; try again") from None
        except OSError as error:
            raise WorkerDied(f"there can be no more processes: {error.strerror}") from None

    def _replace(self, broken: Executor) -> None:
        if self._executor is broken:  # else another batch has replaced it already
            self._executor = self._start()
            broken.shutdown(wait=False)

    async def close(self) -> None:
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)


def in_each_process() -> None:
    # CTRL+C reaches every process of the terminal; the server ends the pool when it stops.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A server that is killed ends nothing.
    threading.Thread(target=end_with_the_server, daemon=True).start()
    with contextlib.suppress(OSError):
        os.nice(5)  # answering comes first


def end_with_the_server() -> None:
    server = multiprocessing.parent_process()
    assert server is not None
    server.join()
    os._exit(1)
