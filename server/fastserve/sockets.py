"""Binding what the options name."""

import contextlib
import errno
import grp
import logging
import os
import pwd
import socket
import stat
from collections.abc import Iterator, Sequence

from . import activation
from .addresses import ACTIVATED, DESCRIPTOR, SOCKET_MODE, UNIX, Address, addresses, with_port
from .config import Config
from .errors import BindError
from .upgrade import Inheritance

logger = logging.getLogger("fastserve")

ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class ListeningSocket(socket.socket):
    """A socket that knows which address of the options it stands for.

    It never blocks, not even while it is copied: that would hold for all copies in all threads and
    processes, of which one may be about to accept a client that another has taken already.
    """

    address: Address
    bound_here = False  # for TCP, by this process

    def __init__(
        self, family: int = -1, kind: int = -1, proto: int = -1, fileno: int | None = None
    ) -> None:
        super().__init__(family, kind, proto, fileno)
        self.setblocking(False)


class UnixSocket(ListeningSocket):
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


def bind(config: Config, inheritance: Inheritance | None = None) -> list[socket.socket]:
    """Bound sockets, not listening yet: clients are refused until the app has started.

    Sockets of a predecessor are used instead of new ones. Raises BindError.
    """
    return bind_all(choose(config, inheritance or Inheritance()), inheritance)


def bind_all(
    wanted: Sequence[Address], inheritance: Inheritance | None = None
) -> list[socket.socket]:
    """Bound sockets of these addresses, a predecessor's where it has them. Raises BindError."""
    with contextlib.ExitStack() as undo:
        bound: list[socket.socket] = []
        for address in wanted:
            # All hosts share the one free port that the first was given.
            if address.option == "host" and bound and address.port == 0:
                address = with_port(address, bound[0].getsockname()[1])
            for sock in obtain(address, inheritance):
                sock.address = address
                bound.append(undo.enter_context(sock))
        undo.pop_all()
    return bound


def choose(config: Config, inheritance: Inheritance) -> list[Address]:
    """Sockets that systemd passes take the place of host and port."""
    passed = inheritance.activated() or activation.take()
    named = addresses(config)
    if not passed:
        return named
    if any(address.option != "host" for address in named):
        if unused := [each.fd for each in passed if each.fd not in {item.fd for item in named}]:
            logger.warning("LISTEN_FDS: the descriptors %s are not used: %s is given",
                           ", ".join(map(str, unused)), named[0].option)  # fmt: skip
        return named
    logger.info("Using the sockets of LISTEN_FDS (%d) instead of host and port", len(passed))
    return passed


def obtain(address: Address, inheritance: Inheritance | None) -> Iterator[ListeningSocket]:
    """The sockets of one address: inherited, passed or made. Raises BindError."""
    inherited = inheritance.take(address) if inheritance is not None else []
    if inherited:
        for fd, found in inherited:
            sock = UnixSocket(fileno=fd) if address.kind == UNIX else ListeningSocket(fileno=fd)
            sock.set_inheritable(False)
            if isinstance(sock, UnixSocket) and found is not None and inheritance is not None:
                inheritance.on_taken(sock, address.path, found)
            yield sock
    elif address.kind in (DESCRIPTOR, ACTIVATED):
        yield adopt(address)
    elif address.kind == UNIX:
        yield bind_unix(address)
    else:
        yield from bind_host(address)


def adopt(address: Address) -> ListeningSocket:
    """A descriptor that the process was given."""
    name = address.option
    try:
        os.set_inheritable(address.fd, False)  # the app's own child processes are not to have it
        # What --fd names may belong to the program around the server, which closes it itself.
        fd = address.fd if address.kind == ACTIVATED else os.dup(address.fd)
        sock = ListeningSocket(fileno=fd)
    except OSError as error:
        problem = f"{name}: {address.fd} is not an inherited socket ({error.strerror})"
        raise BindError(problem) from error
    if sock.type != socket.SOCK_STREAM:
        sock.close()
        raise BindError(f"{name}: {address.fd} is not a stream socket")
    return sock


def bind_unix(address: Address) -> UnixSocket:
    path, name = address.path, address.option
    sock = UnixSocket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        owner = number_of_user(address.owner) if address.owner else -1
        group = number_of_group(address.group) if address.group else -1
        remove_stale(path)
        sock.bind_file(path)
        set_permissions(path, address.mode, owner, group)
    except OSError as error:
        sock.unlink()
        sock.close()
        raise BindError(f"{name}: cannot bind {path}: {error.strerror or error}") from error
    except KeyError as error:
        sock.close()
        raise BindError(f"{name}: cannot bind {path}: {error.args[0]}") from error
    return sock


def set_permissions(path: str, mode: int = SOCKET_MODE, owner: int = -1, group: int = -1) -> None:
    """Of the socket file; never of what somebody has put in its place. Raises OSError."""
    fd = -1
    if hasattr(os, "O_PATH") and os.path.isdir("/proc/self/fd"):
        fd = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        path = f"/proc/self/fd/{fd}"
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(errno.EEXIST, "another file has taken its place")
        if owner != -1 or group != -1:
            os.chown(path, owner, group)
        os.chmod(path, mode)  # after chown, which may clear bits
    finally:
        if fd != -1:
            os.close(fd)


def number_of_user(name: str) -> int:
    """Raises KeyError with a message."""
    try:
        return int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise KeyError(f"there is no user {name!r}") from None


def number_of_group(name: str) -> int:
    """Raises KeyError with a message."""
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise KeyError(f"there is no group {name!r}") from None


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


def bind_host(wanted: Address) -> Iterator[ListeningSocket]:
    """A socket for each address of the host, except those that this machine does not have."""
    bound, missing = 0, None
    for family, address in resolve(wanted):
        if wanted.port == 0 and bound:
            address = (address[0], bound, *address[2:])
        try:
            sock = bind_address(family, address, wanted.option)
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


def resolve(
    wanted: Address,
) -> Iterator[tuple[socket.AddressFamily, tuple[object, ...]]]:
    host = wanted.host or None
    try:
        found = socket.getaddrinfo(
            host, wanted.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        problem = f"{wanted.option}: cannot resolve {host}: {error.strerror}"
        raise BindError(problem) from error
    yield from dict.fromkeys((family, address) for family, _, _, _, address in found)


def bind_address(
    family: socket.AddressFamily, address: tuple[object, ...], option: str
) -> ListeningSocket:
    where = f"{address[0]}:{address[1]}"
    try:
        sock = ListeningSocket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise address_error(error, where, option) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise address_error(error, where, option) from error
    sock.bound_here = True
    return sock


def bind_error(error: OSError, sock: socket.socket) -> BindError:
    """What went wrong with a socket that is bound already."""
    option = sock.address.option if isinstance(sock, ListeningSocket) else "host"
    return address_error(error, url(sock, "tcp").removeprefix("tcp://"), option)


def address_error(error: OSError, where: str, option: str) -> BindError:
    port = "port" if option == "host" else option
    if error.errno == errno.EADDRINUSE:
        remedy = "with --port" if option == "host" else "port"
        return BindError(f"{port}: {where} is already in use; choose another {remedy}")
    if error.errno == errno.EACCES:
        return BindError(f"{port}: {where} needs privileges; choose a port from 1024 up")
    return BindError(f"{option}: cannot bind {where}: {error.strerror or error}")


def uses_tls(sock: socket.socket, default: bool) -> bool:
    """Whether clients of this socket speak TLS; `default` is what the other options say."""
    own = sock.address.tls if isinstance(sock, ListeningSocket) else None
    return default if own is None else own


def url(sock: socket.socket, scheme: str) -> str:
    """How a person would name the socket."""
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"unix:{name}"
    host = f"[{name[0]}]" if sock.family == socket.AF_INET6 else name[0]
    return f"{scheme}://{host}:{name[1]}"


def url_of(sock: socket.socket, config: Config) -> str:
    """The same, as the options have it."""
    return url(sock, "https" if uses_tls(sock, config.is_ssl) else "http")


def close(sockets: list[socket.socket]) -> None:
    """Close them, and remove the socket files that bind() made."""
    for sock in sockets:
        if isinstance(sock, UnixSocket):
            sock.unlink()  # first: once it is closed, a successor may bind the same path
        sock.close()
