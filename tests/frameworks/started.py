"""A server as people start it: its command, in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

WAIT = 30  # seconds for the server to stop

LISTENING = re.compile(r"running on http://127\.0\.0\.1:(\d+)")
SAID = "app: "  # before a line that the app prints


class Started:
    """`SERVER app:app` in the folder of a case, on a free port, until the block ends."""

    def __init__(self, server: str, folder: Path, options: Sequence[str] = ()) -> None:
        command = str(Path(sys.executable).parent / server)
        self.process = subprocess.Popen(
            [command, "app:app", "--port", "0", *options],
            cwd=folder,
            env={**os.environ, "PYTHONHASHSEED": "0"},  # sets come in the same order
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.log: list[str] = []
        self._found: list[int] = []
        self._settled = threading.Event()  # it listens, or has ended
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.log.append(line.rstrip("\n"))
                if not self._found and (match := LISTENING.search(line)):
                    self._found.append(int(match[1]))
                    self._settled.set()
        self._settled.set()

    @property
    def port(self) -> int:
        self._settled.wait()
        if not self._found:
            raise RuntimeError("the server does not start:\n" + "\n".join(self.log))
        return self._found[0]

    @property
    def said(self) -> list[str]:
        """What the app has printed."""
        return [line.removeprefix(SAID) for line in self.log if line.startswith(SAID)]

    @property
    def tracebacks(self) -> int:
        return sum("Traceback (most recent call last)" in line for line in self.log)

    def __enter__(self) -> "Started":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.log.append(f"app: does not stop within {WAIT} s")
        self._reader.join()
