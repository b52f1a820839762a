"""A new process takes over the sockets of a running one (SIGUSR2).

The old process runs its own command again and passes it the descriptors of its sockets. When the
new one serves, it says so, and the old one stops; when it ends before, the old one goes on. They
talk JSON over a socket pair, because they may be different versions.
"""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from .addresses import ACTIVATED, Address, with_fd

VARIABLE = "_FASTSERVE_UPGRADE"  # the descriptor of the channel, a colon, the old process
ANSWER_SECONDS = 10.0  # what the other side has for a message that it has in its hands
MOST_BYTES = 1 << 20
# As the process was started: --env-file and the app may change it, the successor reads them itself.
ENVIRONMENT = dict(os.environ)
GONE = {VARIABLE, "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID"}

FileId = tuple[int, int]


class UnixFile(Protocol):
    """A Unix socket, and the file that it is to remove."""

    path: str
    file_id: FileId


class Inheritance:
    """What a new process has from its predecessor; without one, nothing."""

    def __init__(self, channel: socket.socket | None = None, passed: Sequence[Any] = ()) -> None:
        self._channel = channel
        self._passed = list(passed)
        self._taken: list[tuple[UnixFile, str, FileId]] = []

    def __bool__(self) -> bool:
        return self._channel is not None

    def activated(self) -> list[Address]:
        """The sockets that systemd had passed to the predecessor."""
        places = [item["place"] for item in self._passed]
        return [with_fd(place[4]) for place in places if place[0] == ACTIVATED]

    def take(self, address: Address) -> list[tuple[int, FileId | None]]:
        """The descriptors of this address, once, and for a Unix socket which file it made."""
        place = list(address.place)
        found = [item for item in self._passed if item["place"] == place]
        self._passed = [item for item in self._passed if item["place"] != place]
        return [(item["fd"], tuple(item["file"]) if item["file"] else None) for item in found]

    def on_taken(self, sock: UnixFile, path: str, file_id: FileId) -> None:
        """The file of this socket will be ours to remove."""
        self._taken.append((sock, path, file_id))

    def drop_rest(self) -> None:
        """Close what the options do not name any more."""
        for item in self._passed:
            os.close(item["fd"])
        self._passed.clear()

    def complete(self, status: str) -> None:
        """Take over: the predecessor may stop now."""
        for sock, path, file_id in self._taken:
            sock.path, sock.file_id = path, file_id
        paths = [path for _, path, _ in self._taken]
        channel, self._channel = self._channel, None
        if channel is not None:
            with channel, contextlib.suppress(OSError):  # it has ended already
                channel.settimeout(ANSWER_SECONDS)
                channel.sendall(line({"status": status, "paths": paths}))


def inherit() -> Inheritance:
    """From the process that started this one to take over from it, if it did so."""
    channel, _, parent = os.environ.pop(VARIABLE, "").partition(":")
    if not channel or parent != str(os.getppid()):
        return Inheritance()
    sock = socket.socket(fileno=int(channel))
    sock.set_inheritable(False)
    sock.settimeout(ANSWER_SECONDS)
    with sock.makefile("rb") as file:
        text = file.readline(MOST_BYTES)
    passed = parse(text)["sockets"]
    for item in passed:
        os.set_inheritable(item["fd"], False)
    return Inheritance(sock, passed)


class Successor:
    """The new process as its predecessor sees it. Raises OSError if it cannot be started."""

    def __init__(self, sockets: Sequence[socket.socket], folder: str | None) -> None:
        self.status = ""  # what it serves, once it does
        self._received = b""
        fds = [sock.fileno() for sock in sockets]
        command = [sys.executable or sys.orig_argv[0], *sys.orig_argv[1:]]
        self.channel, remote = socket.socketpair()
        with contextlib.ExitStack() as undo:
            undo.enter_context(self.channel)
            with remote:
                variables = {name: ENVIRONMENT[name] for name in ENVIRONMENT.keys() - GONE}
                variables[VARIABLE] = f"{remote.fileno()}:{os.getpid()}"
                self._process = subprocess.Popen(
                    command, pass_fds=[*fds, remote.fileno()], cwd=folder, env=variables
                )
            undo.pop_all()
        with contextlib.suppress(OSError):  # it has ended; the end of the channel tells
            self.channel.sendall(line({"sockets": [describe(sock) for sock in sockets]}))
        self.channel.setblocking(False)

    @property
    def pid(self) -> int:
        return self._process.pid

    def read(self) -> list[str] | None:
        """The Unix sockets that it has taken over, once it serves; None before.

        Raises EOFError when it has ended instead.
        """
        try:
            data = self.channel.recv(65536)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        self._received += data
        if not data or len(self._received) > MOST_BYTES:
            raise EOFError
        if not self._received.endswith(b"\n"):
            return None
        message = parse(self._received)
        self.status = message["status"]
        return [str(path) for path in message["paths"]]

    def leave(self) -> None:
        """Have nothing more to do with it: it outlives this process."""
        self.channel.close()
        self._process.returncode = 0  # or its object would complain that it still runs

    def end(self, *, at_once: bool = False) -> None:
        """Stop it."""
        if at_once:
            self._process.kill()
        else:
            self._process.terminate()

    def exit_status(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.poll()

    def how_it_ended(self) -> str:
        """Its channel has ended, and so it has, or is about to."""
        self.channel.close()
        try:
            status = self._process.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        return f"signal {-status}" if status < 0 else f"exit status {status}"


def describe(sock: Any) -> dict[str, Any]:
    """A socket of ours, for `Inheritance.take`."""
    address: Address | None = getattr(sock, "address", None)
    file = sock.file_id if getattr(sock, "path", "") else None
    return {
        "fd": sock.fileno(),
        "place": list(address.place) if address is not None else [],
        "file": file,
    }


def line(message: dict[str, Any]) -> bytes:
    import json  # needed for upgrades alone, and slow to import

    return json.dumps(message).encode() + b"\n"


def parse(text: bytes) -> dict[str, Any]:
    import json

    message: dict[str, Any] = json.loads(text)
    return message


def started_in() -> str | None:
    """The current folder by the name that it was entered by, which may be a link to a release."""
    name = os.environ.get("PWD", "")
    with contextlib.suppress(OSError):
        if os.path.isabs(name) and os.path.samefile(name, "."):
            return name
    return None
