"""A worker process, from both sides: what the supervisor holds and what runs in the child.

Between the two is a socket pair. The supervisor sends the options and the descriptors of the
listening sockets. The worker answers READY when it accepts clients, BEAT for as long as its event
loop runs, and MAX_REQUESTS when it has served as many as it may. ABORT tells the worker not to wait
for what is in progress; REOPEN, to open the log files anew; the end of the stream, that the
supervisor is gone.
"""

import contextlib
import faulthandler
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from . import logs, privileges, tickets, titles
from .config import Config
from .errors import AppError, StartError
from .monitor import Monitor
from .server import Server, logger
from .serving import ABORT_SECONDS
from .signals import held, ignore, release
from .sockets import ListeningSocket

if TYPE_CHECKING:
    from .asgi._counters import Counters

READY = b"R"
BEAT = b"B"
MAX_REQUESTS = b"M"
ABORT = b"A"
REOPEN = b"O"
START_FAILED = 1  # the exit status that says: another try would fail as well
BEAT_SECONDS = 5.0  # or four times in timeout_worker_healthcheck
# A terminal, systemd and pkill send them to all processes. They wait until a worker has handlers:
# it would end by them, as if it had crashed, or show a traceback.
HELD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
GONE = "The supervisor is gone; stopping"
SAY_SECONDS = 1.0  # what this may take
ORPHAN_SECONDS = 5.0  # without a supervisor, an event loop that hangs so long ends the process


class Worker:
    """A child process as the supervisor sees it. Raises OSError when it cannot be started."""

    def __init__(self, config: Config, sockets: Sequence[socket.socket]) -> None:
        self.ready = False
        self.stopping = False
        self.killed = False  # because it hangs
        self.replaces: Worker | None = None  # to be stopped once this one is ready
        self.worn = ""  # the reason to replace it: max_requests, lifetime, memory
        self.started_at = self.seen_at = self.ready_at = time.monotonic()
        self.too_large_at: float | None = None  # when it was first seen above worker_max_memory
        self.extra_lifetime: float | None = None  # seconds; drawn when it is first asked for
        self.counters: list[Counters] = []  # memory that each of its event loops counts in
        fds = [sock.fileno() for sock in sockets]
        addresses = [sock.address for sock in sockets if isinstance(sock, ListeningSocket)]
        with contextlib.ExitStack() as undo:
            self.channel, remote = map(undo.enter_context, socket.socketpair())
            self._stacks = undo.enter_context(open_stacks())
            passed = [remote.fileno(), self._stacks.fileno()]
            if config.metrics is not None:
                from . import metrics

                counts = metrics.shared_file(config.threads)
                undo.callback(os.close, counts)
                self.counters = metrics.all_counters_in(counts, config.threads)
                passed.append(counts)
            # -P: a file in the current folder is not a module of the standard library.
            command = [sys.executable, "-P", "-m", "fastserve.worker", *map(str, passed)]
            with held(HELD):
                self._process = subprocess.Popen(command, pass_fds=[*fds, *passed])
            undo.pop_all()
        remote.close()
        if self.counters:
            os.close(counts)
        with contextlib.suppress(ConnectionError):  # it has ended; its status tells why
            self.channel.sendall(pickle.dumps((config, fds, addresses, tickets.shared())))
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

    def reopen_logs(self) -> None:
        """Have it open the log files anew that were moved."""
        with contextlib.suppress(OSError):  # it has ended, or does not listen for a long time
            self.channel.send(REOPEN)

    def dump(self) -> None:
        """End it, and have it write down first where each of its threads is."""
        self.killed = True
        self._process.send_signal(signal.SIGABRT)

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> None:
        self._process.wait()

    def close(self) -> None:
        self.channel.close()
        self._stacks.close()

    def exit_reason(self, is_stop: bool) -> str:
        """Why it has ended, as the metrics have it; `is_stop`: all workers were asked to."""
        if self.killed and not self.stopping:
            return "hung" if self.ready else "not_started"
        if self.stopping or is_stop:
            return self.worn or "asked"
        return "crashed"

    def read_words(self) -> bytes | None:
        """READY, BEAT and MAX_REQUESTS, or nothing yet; None at the end of the stream."""
        try:
            return self.channel.recv(1024) or None
        except BlockingIOError:
            return b""
        except ConnectionError:
            return None

    def log_stacks(self) -> None:
        """Where its threads were when it crashed or was made to end by `dump`, if it could tell."""
        with contextlib.suppress(OSError):
            self._stacks.seek(0)
            if stacks := self._stacks.read().decode("utf-8", "backslashreplace").strip():
                logger.error("Worker %d was here:\n%s", self.pid, stacks)


def open_stacks() -> BinaryIO:
    """A file without a name, for faulthandler to write to."""
    with contextlib.suppress(AttributeError, OSError):  # Linux alone has it, and may forbid it
        return open(os.memfd_create("fastserve stacks"), "w+b", buffering=0)
    with contextlib.suppress(OSError):  # no folder can be written to
        return tempfile.TemporaryFile(buffering=0)
    return open(os.devnull, "w+b", buffering=0)


class WorkerServer(Server):
    """The server in the child."""

    # CTRL+C goes to all processes of the terminal; the supervisor passes it on as SIGTERM. That may
    # come twice as well: systemd sends it to every process of a service.
    stop_signals = (signal.SIGTERM,)
    is_worker = True

    def __init__(
        self, config: Config, channel: socket.socket, counters: "Sequence[Counters]"
    ) -> None:
        super().__init__(config)
        # What else there is to monitoring, the supervisor does.
        self._monitor = Monitor(replace(config, metrics=None, drain_delay=0), counters)
        self._channel = channel
        thread = threading.Thread(target=self._obey, name="fastserve supervisor", daemon=True)
        thread.start()

    def _on_listening(self, scheme: str) -> None:
        self._tell(READY)
        if limit := self.config.timeout_worker_healthcheck:
            self._beat(min(BEAT_SECONDS, limit / 4))

    def _beat(self, seconds: float) -> None:
        assert self._loop is not None
        if self._serving is None or self._serving.runs():
            self._tell(BEAT)
        self._loop.call_later(seconds, self._beat, seconds)

    def _tell(self, word: bytes) -> None:
        with contextlib.suppress(OSError):  # the supervisor is gone, or stopped for a long time
            self._channel.send(word, socket.MSG_DONTWAIT)

    def request_stop(self) -> None:
        """Stop cleanly, however often: ABORT is what the supervisor says for the second time."""
        self.should_exit = True

    def _on_max_requests(self) -> None:
        self._tell(MAX_REQUESTS)  # and go on until there is a successor

    def _how_to_force(self) -> str:
        return f"send SIGTERM again to the main process ({os.getppid()}) to close them now"

    # In a thread of its own, for an event loop that hangs obeys nobody. It leaves the log to other
    # threads, since handlers may wait for their reader.

    def _obey(self) -> None:
        while word := self._receive():
            if word == REOPEN:
                start_thread(logs.reopen)
            else:
                self.should_exit = True
                self.force_exit = True
        start_thread(logger.warning, GONE).join(SAY_SECONDS)
        self.request_stop()
        self._wait_for_end()
        os.kill(os.getpid(), signal.SIGKILL)

    def _receive(self) -> bytes:
        try:
            return self._channel.recv(1)
        except ConnectionError:
            return b""

    def _wait_for_end(self) -> None:
        """Return when this process should have ended by itself but hangs."""
        began = time.monotonic()
        while time.monotonic() - began < (patience(self.config) or float("inf")):
            if not self._all_run(ORPHAN_SECONDS):
                return
            time.sleep(1)

    def _all_run(self, seconds: float) -> bool:
        """Whether all event loops do, within so long."""
        runs = threading.Event()
        self._call_soon(runs.set)
        return runs.wait(seconds) and (self._serving is None or self._serving.others_run(seconds))


def start_thread(action: Callable[..., None], *args: object) -> threading.Thread:
    thread = threading.Thread(target=action, args=args, name="fastserve log", daemon=True)
    thread.start()
    return thread


def patience(config: Config) -> float:
    """Seconds after which a worker told to stop must have ended; 0 when there is no limit."""
    # Requests and the lifespan's shutdown have as much each.
    graceful = config.timeout_graceful_shutdown
    if graceful is None:
        return 0
    return graceful + (graceful or ABORT_SECONDS) + 2 * ABORT_SECONDS


def serve(
    config: Config,
    channel: socket.socket,
    sockets: Sequence[socket.socket],
    counters: "Sequence[Counters]",
) -> None:
    """Raises StartError."""
    server = WorkerServer(config, channel, counters)
    # After the server's handlers: what the app does at the end of the process is not cut off.
    signal.signal(signal.SIGTERM, ignore)
    with server.capture_signals():
        release(HELD)
        try:
            prepare(server, config)
            if not server.should_exit:
                server.run(list(sockets))
        finally:
            signal.signal(signal.SIGHUP, ignore)


def prepare(server: WorkerServer, config: Config) -> None:
    try:
        if privileges.identity(config) is not None:
            server.load_certificate()  # while we may still read the key
            privileges.drop(config)
    finally:
        logs.configure(config)  # now, so that files of the log belong to the user
    titles.set_title(config, "worker")


def main() -> int:
    for number in (signal.SIGINT, signal.SIGUSR2):  # meant for the supervisor
        signal.signal(number, ignore)
    signal.signal(signal.SIGUSR1, logs.reopen_on_signal)
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    stacks = int(sys.argv[2])
    os.set_inheritable(stacks, False)
    if not faulthandler.is_enabled():  # else the user has asked for it on standard error
        faulthandler.enable(stacks)
    try:
        with channel.makefile("rb") as stream:
            config, fds, addresses, secret = pickle.load(stream)
    except (EOFError, ConnectionError, pickle.UnpicklingError):
        return START_FAILED  # the supervisor has ended already
    counters: Sequence[Counters] = ()
    if len(sys.argv) > 3:
        from .metrics import all_counters_in

        counters = all_counters_in(int(sys.argv[3]), config.threads)
        os.close(int(sys.argv[3]))
    tickets.adopt(secret)
    sockets = [ListeningSocket(fileno=fd) for fd in fds]
    for sock, address in zip(sockets, addresses, strict=True):
        sock.set_inheritable(False)
        sock.address = address
    try:
        serve(config, channel, sockets, counters)
    except StartError as error:
        if isinstance(error, AppError) and error.__cause__ is not None:
            logger.error("%s", "".join(traceback.format_exception(error.__cause__)).rstrip())
        logger.error("%s", error)
        return START_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
