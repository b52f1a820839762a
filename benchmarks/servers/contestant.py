"""What a contestant is, and how several are started side by side."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.machine import missing_package
from benchmarks.process import Process, StartError, free_port


@dataclass(frozen=True)
class Contestant:
    """A server by name; its command and its check are given the Python to measure."""

    name: str
    command: Callable[[str, int], list[str]]  # python, port
    missing: Callable[[str], str | None]  # python -> why it cannot run here
    environment: dict[str, str] = field(default_factory=dict)


def needs(*packages: str) -> Callable[[str], str | None]:
    """A check that the measured Python has these packages."""

    def missing(python: str) -> str | None:
        return next(filter(None, (missing_package(python, each) for each in packages)), None)

    return missing


@contextmanager
def fleet(
    contestants: list[Contestant], python: str
) -> Iterator[tuple[dict[str, Process], dict[str, str]]]:
    """Start those that can be, each paused as soon as it answers; and say why not the others."""
    running: dict[str, Process] = {}
    left_out: dict[str, str] = {}
    try:
        for each in contestants:
            if reason := each.missing(python):
                left_out[each.name] = reason
                continue
            port = free_port()
            server = Process(each.command(python, port), port, each.environment)
            try:
                server.wait_until_ready()
            except StartError as error:
                left_out[each.name] = str(error)
                server.stop()
                continue
            server.pause()
            running[each.name] = server
        for name, reason in left_out.items():
            print(f"  left out: {name}: {reason}", file=sys.stderr)
        yield running, left_out
    finally:
        for server in running.values():
            server.stop()
