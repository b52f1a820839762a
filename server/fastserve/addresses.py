"""Where to listen: `--bind`, or host and port, uds, fd."""

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from .values import BOOLS, parse_mode

if TYPE_CHECKING:
    from .config import Config

DEFAULT_PORT = 8000
SOCKET_MODE = 0o666  # a proxy runs as another user; the folder's permissions keep others out
TCP, UNIX, DESCRIPTOR, ACTIVATED = "tcp", "unix", "fd", "systemd"


@dataclass(frozen=True)
class Address:
    """One place to listen at; a host may stand for several sockets.

    `host` and `port` are for TCP, `path` to `group` for a Unix socket, `fd` for a descriptor that
    the process was given.
    """

    kind: str
    host: str = ""
    port: int = 0
    path: str = ""
    mode: int = SOCKET_MODE
    owner: str = ""  # name or number; empty: that of the process
    group: str = ""
    fd: int = -1
    tls: bool | None = None  # None: if the options have a certificate
    option: str = "bind"  # that names it

    @property
    def place(self) -> tuple[str, str, int, str, int]:
        """What a new process recognises a socket of its predecessor by."""
        return self.kind, self.host, self.port, self.path, self.fd


def addresses(config: "Config") -> list[Address]:
    """What the options name. Raises ValueError, which Config has ruled out."""
    if config.bind:
        return [parse_bind(text) for text in config.bind]
    if config.fd is not None:
        return [Address(DESCRIPTOR, fd=config.fd, option="fd")]
    if config.uds is not None:
        return [Address(UNIX, path=config.uds, option="uds")]
    hosts = [host.strip() for host in config.host.split(",")]
    return [Address(TCP, host, config.port, option="host") for host in hosts]


def parse_bind(text: str) -> Address:
    """`HOST:PORT`, `http(s)://HOST:PORT`, `unix:PATH?mode=660&owner=NAME&tls=on`, `fd://N`.

    Raises ValueError.
    """
    scheme, separator, rest = text.partition("://")
    if text.startswith("unix:"):
        return _unix(text.removeprefix("unix:").removeprefix("//"))
    if scheme == "fd" and separator:
        return _descriptor(rest)
    if separator and scheme not in ("http", "https"):
        raise ValueError(f"{text!r} begins with none of http://, https://, unix: and fd://")
    host, port = _host_and_port(rest.removesuffix("/") if separator else text)
    return Address(TCP, host, port, tls={"http": False, "https": True}.get(scheme))


def _host_and_port(text: str) -> tuple[str, int]:
    match = re.fullmatch(r"\[([^\[\]]*)\](?::(\d+))?|([^:\[\]/?]*)(?::(\d+))?", text)
    if match is None or not text:
        remedy = "an IPv6 address needs brackets, as in [::1]:8000"
        raise ValueError(f"{text!r} does not have the form HOST:PORT; {remedy}")
    port = int(match[2] or match[4] or DEFAULT_PORT)
    if port > 65535:
        raise ValueError(f"{port} in {text!r} is not a port; it must be at most 65535")
    return match[1] or match[3] or "", port


def _unix(text: str) -> Address:
    path, _, query = text.partition("?")
    if not path:
        raise ValueError("unix: needs a path, as in unix:/run/app.sock")
    settings = _settings(query, ("mode", "owner", "group", "tls"))
    mode = parse_mode(settings["mode"]) if "mode" in settings else SOCKET_MODE
    owner, group = settings.get("owner", ""), settings.get("group", "")
    return Address(UNIX, path=path, mode=mode, owner=owner, group=group, tls=_tls(settings))


def _descriptor(text: str) -> Address:
    number, _, query = text.partition("?")
    if not re.fullmatch(r"\d{1,9}", number):
        raise ValueError(f"fd://{number} does not name the number of a descriptor")
    return Address(DESCRIPTOR, fd=int(number), tls=_tls(_settings(query, ("tls",))))


def _settings(query: str, known: tuple[str, ...]) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise ValueError(f"{query!r} does not have the form NAME=VALUE&NAME=VALUE") from None
    for name, value in pairs:
        if name not in known or not value:
            raise ValueError(f"{name}={value} is none of {', '.join(known)} with a value")
    return dict(pairs)


def _tls(settings: dict[str, str]) -> bool | None:
    word = settings.get("tls", "").lower()
    if word and word not in BOOLS:
        raise ValueError(f"tls={word} is not on or off")
    return BOOLS.get(word)


def with_fd(fd: int) -> Address:
    """A descriptor that systemd passes."""
    return Address(ACTIVATED, fd=fd, option="LISTEN_FDS")


def with_port(address: Address, port: int) -> Address:
    return dataclasses.replace(address, port=port)
