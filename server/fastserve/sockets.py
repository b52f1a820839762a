"""Binding what the options name."""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator

from .config import Config
from .errors import BindError

ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class UnixSocket(socket.socket):
    """A Unix socket that knows which file it made, so that it removes no other."""

    path = ""
    file_id = (0, 0)

    def bind_file(self, path: str) -> None:
        self.bind(path)
        self.path, self.file_id = path, file_id(path)

    def unlink(self) -> None:
        """Remove the file, once, unless another server has put its own there since."""
        path, self.path = self.path, ""
        with contextlib.suppress(OSError):
            if path and file_id(path) == self.file_id:
                os.unlink(path)


def file_id(path: str) -> tuple[int, int]:
    """Device and inode: which file this is, whatever its name."""
    found = os.lstat(path)
    return found.st_dev, found.st_ino


def bind(config: Config) -> list[socket.socket]:
    """Bound sockets, not listening yet: clients are refused until the app has started.

    Raises BindError.
    """
    if config.fd is not None:
        return [adopt(config.fd)]
    if config.uds is not None:
        return [bind_unix(config.uds)]
    return bind_hosts([host.strip() for host in config.host.split(",")], config.port)


def adopt(fd: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=os.dup(fd))
    except OSError as error:
        raise BindError(f"fd: {fd} is not an inherited socket ({error.strerror})") from error
    if sock.type != socket.SOCK_STREAM:
        sock.close()
        raise BindError(f"fd: {fd} is not a stream socket")
    return sock


def bind_unix(path: str) -> socket.socket:
    sock = UnixSocket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        remove_stale(path)
        sock.bind_file(path)
        # A proxy runs as another user; the folder's permissions keep others out.
        os.chmod(path, 0o666)
    except OSError as error:
        sock.close()
        raise BindError(f"uds: cannot bind {path}: {error.strerror or error}") from error
    return sock


def remove_stale(path: str) -> None:
    """Remove the socket file of a server that has ended, and nothing else. Raises OSError."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(errno.EEXIST, "there is a file of another kind")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # a server listens whose queue is full
    raise OSError(errno.EADDRINUSE, "it is already in use")


def bind_hosts(hosts: list[str], port: int) -> list[socket.socket]:
    with contextlib.ExitStack() as undo:
        sockets: list[socket.socket] = []
        for host in hosts:
            # All addresses share the one free port that the first was given.
            shared = sockets[0].getsockname()[1] if sockets else port
            for sock in bind_host(host, shared):
                sockets.append(undo.enter_context(sock))
        undo.pop_all()
    return sockets


def bind_host(host: str, port: int) -> Iterator[socket.socket]:
    """A socket for each address of the host, except those that this machine does not have."""
    bound, missing = 0, None
    for family, address in resolve(host, port):
        if port == 0 and bound:
            address = (address[0], bound, *address[2:])
        try:
            sock = bind_address(family, address)
        except BindError as error:
            # "localhost" is ::1 in /etc/hosts of many machines without IPv6.
            if getattr(error.__cause__, "errno", None) not in ABSENT:
                raise
            missing = error
        else:
            bound = sock.getsockname()[1]
            yield sock
    if not bound and missing is not None:
        raise missing


def resolve(host: str, port: int) -> Iterator[tuple[socket.AddressFamily, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise BindError(f"host: cannot resolve {host}: {error.strerror}") from error
    yield from dict.fromkeys((family, address) for family, _, _, _, address in found)


def bind_address(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    where = f"{address[0]}:{address[1]}"
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise address_error(error, where) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise address_error(error, where) from error
    return sock


def bind_error(error: OSError, sock: socket.socket) -> BindError:
    """What went wrong with a socket that is bound already."""
    return address_error(error, url(sock, "tcp").removeprefix("tcp://"))


def address_error(error: OSError, where: str) -> BindError:
    if error.errno == errno.EADDRINUSE:
        return BindError(f"port: {where} is already in use; choose another with --port")
    if error.errno == errno.EACCES:
        return BindError(f"port: {where} needs privileges; choose a port from 1024 up")
    return BindError(f"host: cannot bind {where}: {error.strerror or error}")


def url(sock: socket.socket, scheme: str) -> str:
    """How a person would name the socket."""
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"unix:{name}"
    host = f"[{name[0]}]" if sock.family == socket.AF_INET6 else name[0]
    return f"{scheme}://{host}:{name[1]}"


def close(sockets: list[socket.socket]) -> None:
    """Close them, and remove the socket file that bind() made."""
    for sock in sockets:
        if isinstance(sock, UnixSocket):
            sock.unlink()  # first: once it is closed, a successor may bind the same path
        sock.close()
