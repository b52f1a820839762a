"""Which process listens on a port, as far as Linux tells this user."""

import contextlib
import os
from typing import NamedTuple

LISTEN = "0A"  # include/net/tcp_states.h


class Holder(NamedTuple):
    """A process and its command line."""

    pid: int
    command: list[str]

    @property
    def name(self) -> str:
        """As a person would know it."""
        return " ".join(self.command) or "unknown"


def holder_of(port: int) -> Holder | None:
    """The first process that has a socket which listens there; None if that is not to be seen."""
    sockets = {f"socket:[{inode}]" for inode in inodes(port)}
    try:
        pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    except OSError:
        return None
    for pid in pids:
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if sockets and sockets & set(descriptors(pid)):
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().decode("utf-8", "replace").split("\0")
                return Holder(pid, [word for word in words if word])
    return None


def descriptors(pid: int) -> list[str]:
    folder = f"/proc/{pid}/fd"
    found = []
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"{folder}/{name}"))
    return found


def inodes(port: int) -> set[str]:
    """Of the sockets that listen on this port of any address."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table) as file:
            for line in list(file)[1:]:
                columns = line.split()
                if columns[3] == LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                    found.add(columns[9])
    return found
