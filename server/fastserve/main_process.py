"""What the process that was started is to those around it, apart from serving.

Its pid file, what it tells systemd, and its predecessor and successor in an upgrade. The supervisor
has one; a server without workers has one too.
"""

import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from . import init, privileges, sockets
from .addresses import addresses
from .config import Config
from .errors import ConfigError
from .notify import Notifier
from .pid_file import PidFile
from .upgrade import Inheritance, Successor, inherit, started_in

logger = logging.getLogger("fastserve")

UPGRADE_SIGNAL = signal.SIGUSR2
STARTING_SECONDS = 10.0  # what a new process has besides timeout_startup
END_SECONDS = 5.0  # what it has to stop when it is given up


class Loop(Protocol):
    """What asyncio's loops and the supervisor's reactor have."""

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None: ...

    def remove_reader(self, fd: Any) -> Any: ...

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Any: ...


class MainProcess:
    """`embedded`: in a program whose word to systemd and whose upgrade are its own affair."""

    def __init__(self, config: Config, *, embedded: bool = False) -> None:
        self._config = config
        self._folder = started_in()
        self._notifier = Notifier({} if embedded else os.environ)
        self._inheritance = Inheritance() if embedded else inherit()
        self._pid_file = PidFile(config.pid_file) if config.pid_file is not None else None
        self._successor: Successor | None = None
        self._handed_over = self._draining = self._stopping = self._reloading = False
        self._status = ""

    def bind(self) -> list[socket.socket]:
        """The sockets that the options name. Raises StartError."""
        privileges.set_umask(self._config)
        return sockets.bind(self._config, self._inheritance)

    def bind_for(self, config: Config) -> list[socket.socket]:
        """The sockets of other options; none of systemd's. Raises BindError."""
        return sockets.bind_all(addresses(config), self._inheritance)

    @property
    def has_predecessor(self) -> bool:
        """Whether another process serves until this one is complete."""
        return bool(self._inheritance)

    def write_pid_file(self) -> None:
        """Once the sockets are bound. Raises ConfigError."""
        if self._pid_file is not None and not self._inheritance:
            self._pid_file.write()

    def on_serving(
        self,
        listening: Sequence[socket.socket],
        loop: Loop,
        runs: Callable[[], bool] = lambda: True,
    ) -> None:
        """The first client would be served now, and all is bound.

        `runs` says, now and then, whether other event loops of this process run too.
        """
        self._inheritance.drop_rest()
        urls = dict.fromkeys(sockets.url_of(sock, self._config) for sock in listening)
        self._status = "Serving on " + ", ".join(urls)
        if not self._inheritance:
            self._notifier.ready(self._status)
        if self._notifier.watchdog_seconds:
            self._keep_alive(loop, runs)

    def on_complete(self) -> None:
        """All workers are ready: a predecessor may stop."""
        if not self._inheritance or self._draining:
            return
        logger.info("Taking over from process %d", os.getppid())
        if self._pid_file is not None:  # first: who sees that we have taken over may look there
            try:
                self._pid_file.write(takes_over=True)
            except ConfigError as error:
                logger.error("%s", error)
        self._inheritance.complete(self._status)

    def on_reload(self) -> None:
        """systemd hears of it if it takes us for ready, and not for stopping."""
        if self._status and not (self._inheritance or self._stopping):
            self._reloading = True
            self._notifier.reloading()

    def on_reloaded(self) -> None:
        """The reload is complete, or abandoned."""
        if self._reloading:
            self._reloading = False
            self._notifier.ready(self._status)

    def on_draining(self) -> None:
        """The stop is certain, but waits (drain_delay): nobody takes over from now on."""
        self._draining = True
        self._notifier.status("Serving until drain_delay is over")
        self._end_successor()

    def on_stopping(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._reloading = False
            self._notifier.stopping()
            self._end_successor()

    def _end_successor(self) -> None:
        if self._successor is not None and not self._handed_over:
            self._successor.end()

    def close(self) -> None:
        """At the end."""
        if self._successor is not None and not self._handed_over:
            self._successor.end()
            self._successor.how_it_ended()
        if self._pid_file is not None:
            self._pid_file.remove()

    def _keep_alive(self, loop: Loop, runs: Callable[[], bool]) -> None:
        if runs():
            self._notifier.alive()
        loop.call_later(self._notifier.watchdog_seconds, self._keep_alive, loop, runs)

    # Upgrade

    def upgrade(
        self, listening: Sequence[socket.socket], loop: Loop, on_taken_over: Callable[[], None]
    ) -> None:
        """Start our own command again; once that serves, call back, to stop here."""
        problem = self._why_not()
        if problem:
            logger.error("No upgrade: %s", problem)
            return
        try:
            successor = Successor(listening, self._folder)
        except OSError as error:
            logger.error("The upgrade failed: cannot start a new process: %s; going on", error)
            return
        self._successor = successor
        logger.info("Upgrading: started process %d, which will take over", successor.pid)
        self._notifier.status("Upgrading")

        def look() -> None:
            self._read(successor, listening, loop, on_taken_over)

        loop.add_reader(successor.channel, look)
        if limit := self._config.timeout_startup:
            limit += STARTING_SECONDS
            loop.call_later(limit, self._give_up, successor, loop, f"not ready within {limit:g} s")

    def _why_not(self) -> str:
        if init.is_child:
            return "the container ends with its first process; start another container instead"
        if self._draining or self._stopping or self._handed_over:
            return "this process is stopping"
        if self._successor is not None:
            return f"process {self._successor.pid} is starting already"
        if self._inheritance:
            return "this process has not taken over yet itself"
        return ""

    def _read(
        self,
        successor: Successor,
        listening: Sequence[socket.socket],
        loop: Loop,
        on_taken_over: Callable[[], None],
    ) -> None:
        try:
            paths = successor.read()
        except EOFError:
            loop.remove_reader(successor.channel)
            self._on_failed(successor, successor.how_it_ended())
            return
        if paths is None or self._draining or self._stopping:
            return
        loop.remove_reader(successor.channel)
        successor.leave()
        self._handed_over = True
        for sock in listening:
            if isinstance(sock, sockets.UnixSocket) and sock.address.path in paths:
                sock.path = ""  # the file is the successor's now
        self._notifier.replaced(successor.pid, successor.status)
        logger.info("Process %d has taken over; stopping", successor.pid)
        on_taken_over()

    def _on_failed(self, successor: Successor, how: str) -> None:
        self._successor = None
        if not (self._draining or self._stopping):
            logger.error(
                "The upgrade failed: process %d ended with %s; going on", successor.pid, how
            )
            self._notifier.status(self._status)

    def _give_up(self, successor: Successor, loop: Loop, problem: str) -> None:
        if self._successor is successor and not self._handed_over:
            logger.error("The upgrade failed: process %d is %s; ending it", successor.pid, problem)
            successor.end()
            loop.call_later(END_SECONDS, self._kill, successor)

    def _kill(self, successor: Successor) -> None:
        if self._successor is successor and not self._handed_over:
            successor.end(at_once=True)
