"""Which of several event loops listens on which socket."""

import contextlib
import socket
import sys
from collections.abc import Sequence

from .config import Config
from .sockets import ListeningSocket, bind_error, close


def add_sockets(sockets: Sequence[socket.socket], config: Config) -> list[socket.socket]:
    """One for each further thread and each port that this process has bound, listening.

    Linux spreads the clients of a port evenly over such sockets (SO_REUSEPORT, socket(7)). Where
    there are none, the loops accept from the same socket. Raises BindError.
    """
    added: list[socket.socket] = []
    with contextlib.ExitStack() as undo:
        undo.callback(close, added)
        for sock in sockets if sys.platform == "linux" else ():
            if isinstance(sock, ListeningSocket) and sock.bound_here:
                # The first one listens without the option: so a port that another server has is
                # refused, even if that one shares it among its own sockets.
                try:
                    sock.listen(config.backlog)
                except OSError as error:
                    raise bind_error(error, sock) from error
                with contextlib.suppress(OSError):  # the system does not let it
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                    for _ in range(config.threads - 1):
                        added.append(beside(sock, config.backlog))
        undo.pop_all()
    return added


def beside(first: ListeningSocket, backlog: int) -> ListeningSocket:
    """Another socket at the same address. Raises OSError."""
    sock = ListeningSocket(first.family, socket.SOCK_STREAM)
    try:
        sock.address = first.address
        for level, option in OPTIONS:
            if level == socket.SOL_SOCKET or first.family == socket.AF_INET6:
                sock.setsockopt(level, option, 1)
        sock.bind(first.getsockname())
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


# As those of the first one.
OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_REUSEADDR),
    (socket.SOL_SOCKET, socket.SO_REUSEPORT),
    (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY),
)


def spread(sockets: Sequence[socket.socket], loops: int) -> list[list[socket.socket]]:
    """The sockets of each loop, so that there is a loop for each and, if possible, few for one.

    Those of the first loop are the given ones, all others copies of them, to be closed.
    """
    result: list[list[socket.socket]] = [[] for _ in range(loops)]
    same: dict[object, list[socket.socket]] = {}
    for sock in sockets:
        same.setdefault((sock.family, sock.getsockname()), []).append(sock)
    with contextlib.ExitStack() as undo:
        for group in same.values():
            for turn in range(max(len(group), loops)):
                sock, loop = group[turn % len(group)], turn % loops
                result[loop].append(undo.enter_context(copy(sock)) if loop else sock)
        undo.pop_all()
    return result


def copy(sock: socket.socket) -> socket.socket:
    """Another descriptor of it; a Unix socket's file is left to the original."""
    sock.setblocking(False)  # else dup() would make all copies of it blocking, for a moment
    result = sock.dup()
    if isinstance(result, ListeningSocket):
        result.address = sock.address  # type: ignore[attr-defined]
    return result
