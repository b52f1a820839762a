"""A worker process, from both sides: what the supervisor holds and what runs in the child.

Between the two is a socket pair. The supervisor sends the options and the descriptors of the
listening sockets; the worker answers READY when clients are let in, and WORN when it has served as
many requests as it may. ABORT tells the worker not to wait for what is in progress, the end of the
stream that the supervisor is gone.
"""

import contextlib
import pickle
import signal
import socket
import subprocess
import sys
import time
import traceback

from . import logs
from .config import Config
from .errors import AppError, StartError
from .server import Server, logger

READY = b"R"
WORN = b"W"
ABORT = b"A"
START_FAILED = 1  # the exit status that says: another try would fail as well


class Worker:
    """A child process as the supervisor sees it."""

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        self.ready = False
        self.stopping = False
        self.replaces: Worker | None = None  # to be stopped once this one is ready
        self.started_at = time.monotonic()
        self.channel, remote = socket.socketpair()
        fds = [sock.fileno() for sock in sockets]
        with remote:
            command = [sys.executable, "-m", "fastserve.worker", str(remote.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[*fds, remote.fileno()])
        self.channel.sendall(pickle.dumps((config, fds)))
        self.channel.setblocking(False)

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_status(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to stop; asking again changes nothing."""
        self.stopping = True
        self._process.send_signal(signal.SIGTERM)

    def abort(self) -> None:
        """Have it stop without waiting for what is in progress."""
        if not self.ready:
            return self.kill()
        with contextlib.suppress(OSError):  # it has ended meanwhile
            self.channel.send(ABORT)
        return None

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> None:
        self._process.wait()

    def read_word(self) -> bytes | None:
        """READY, WORN, or nothing yet; None at the end of the stream."""
        try:
            return self.channel.recv(1) or None
        except BlockingIOError:
            return b""
        except ConnectionError:
            return None


class WorkerServer(Server):
    """The server in the child."""

    # CTRL+C goes to all processes of the terminal; the supervisor passes it on as SIGTERM. That may
    # come twice as well: systemd sends it to every process of a service.
    stop_signals = (signal.SIGTERM,)

    def __init__(self, config: Config, channel: socket.socket) -> None:
        super().__init__(config)
        self._channel = channel

    def _announce(self, scheme: str) -> None:
        assert self._loop is not None
        self._loop.add_reader(self._channel.fileno(), self._on_word)
        self._channel.send(READY)

    def _on_stop(self) -> None:
        self._stop.set()

    def _on_worn(self) -> None:
        self._channel.send(WORN)  # and go on until there is a successor

    def _on_word(self) -> None:
        assert self._loop is not None
        try:
            word = self._channel.recv(1)
        except ConnectionError:
            word = b""
        if word == ABORT:
            self._abort.set()
        else:
            self._loop.remove_reader(self._channel.fileno())
            logger.warning("The supervisor is gone; stopping")
        self._stop.set()


def main() -> int:
    # A handler, not SIG_IGN, which the app's own child processes would inherit.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    with channel.makefile("rb") as stream:
        config, fds = pickle.load(stream)
    channel.setblocking(False)
    logs.configure(config)
    sockets = [socket.socket(fileno=fd) for fd in fds]
    for sock in sockets:
        sock.set_inheritable(False)
    try:
        WorkerServer(config, channel).run(sockets)
    except StartError as error:
        if isinstance(error, AppError) and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        logger.error("%s", error)
        return START_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
