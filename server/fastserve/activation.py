"""Sockets that systemd passes (sd_listen_fds(3))."""

import os

from .addresses import Address, with_fd
from .errors import BindError

FIRST = 3
NAMES = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


def take() -> list[Address]:
    """One for each socket that LISTEN_FDS announces to this process; once. Raises BindError.

    The variables are removed: a child process would take them for its own.
    """
    found = {name: os.environ.get(name, "") for name in NAMES}
    if found["LISTEN_PID"] != str(os.getpid()):
        return []
    for name in NAMES:
        os.environ.pop(name, None)
    if not found["LISTEN_FDS"].isdecimal():
        raise BindError(f"LISTEN_FDS: {found['LISTEN_FDS']!r} is not a number")
    fds = range(FIRST, FIRST + min(int(found["LISTEN_FDS"]), os.sysconf("SC_OPEN_MAX")))
    return [with_fd(fd) for fd in fds]
