"""The client's address, the scheme and the host, as a trusted proxy reports them."""

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import islice
from typing import Any, NamedTuple

from .forwarded import elements

Address = IPv4Address | IPv6Address

EVERYONE = "*"
UNIX = "unix"
LOOPBACK = "127.0.0.1,::1"
MOST_KNOWN = 1024  # peers of which it is remembered whether they are trusted
MOST_HOPS = 64  # of a list, from the nearest on: longer lists would cost too much
SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
DEFAULT_PORTS = {"http": "80", "https": "443"}
X_FORWARDED, FORWARDED = "x-forwarded", "forwarded"
HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?P<port>:[0-9]{1,5})?")
PORT = re.compile(r"[0-9]{1,5}")


class Proxies:
    """The trusted proxies: addresses, networks, `unix` or `*`, separated by commas.

    The path of a Unix socket means `unix`. `headers` names the set of headers that they set, and
    which alone is believed: X_FORWARDED or FORWARDED; with `host`, the Host header too is taken
    from them. Raises ValueError for anything else.
    """

    def __init__(self, allowed: str, headers: str = X_FORWARDED, host: bool = False) -> None:
        names = [name for part in allowed.split(",") if (name := part.strip())]
        paths = [name for name in names if name.startswith("/")]
        self.everyone = EVERYONE in names
        self.unix = UNIX in names or bool(paths)
        words = (EVERYONE, UNIX, *paths)
        self.networks = [ip_network(name) for name in names if name not in words]
        self._host = host
        self._read = read_forwarded if headers == FORWARDED else read_x_forwarded
        self._trusts_host = lru_cache(MOST_KNOWN)(lambda host: self._holds(_address(host)))

    def trust(self, client: object) -> bool:
        """Whether the peer is trusted; over a Unix socket `client` is not a `(host, port)`."""
        if not isinstance(client, tuple):
            return self.everyone or self.unix
        return self.everyone or self._trusts_host(client[0])

    def trust_behind(self, client: object) -> bool:
        """The same for a client whose address the PROXY protocol gave.

        `*` and `unix` are about those who send that, not about their clients.
        """
        return isinstance(client, tuple) and self._trusts_host(client[0])

    def apply(self, scope: dict[str, Any]) -> None:
        """Set the scope's `client` and `scheme`, and Host with `host`, as the headers say."""
        client = scheme = host = None
        # Each proxy adds its own at the end: whatever is before a trusted one's may be forged. Who
        # trusts everyone gets the first address, but the last scheme and host.
        for hop in self._read(scope["headers"]):
            if scheme is None or not self.everyone:
                scheme = hop.scheme or scheme
            if host is None or not self.everyone:
                host = hop.host or host
            if hop.address is None:
                break
            client = (str(hop.address), hop.port)
            if not self.everyone and not self._holds(hop.address):
                break
        if client is not None:
            scope["client"] = client
        scope["scheme"] = SCHEMES.get((scheme or "").lower(), scope["scheme"])
        if self._host:
            replace_host(scope, host)

    def _holds(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self.networks)


def _address(text: str) -> Address | None:
    if "%" in text:  # a zone (RFC 4007) can hold anything, and means something on its host only
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _host_and_port(text: str) -> tuple[str, int]:
    """`192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`; 0 for no port."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    return host, int(port) if port.isascii() and port.isdecimal() and len(port) <= 5 else 0


class Hop(NamedTuple):
    """What one proxy says: who came to it, by which scheme, asking which host."""

    address: Address | None
    port: int
    scheme: str | None = None
    host: str | None = None


Headers = list[tuple[bytes, bytes]]


def read_x_forwarded(headers: Headers) -> Iterator[Hop]:
    """X-Forwarded-For, -Proto, -Host and -Port, from the nearest proxy on.

    Only the last scheme and the last host are known to come from a trusted proxy.
    """
    fields: dict[bytes, list[str]] = {}
    for name, value in headers:
        if name.startswith(b"x-forwarded-"):
            fields.setdefault(name, []).extend(value.decode("latin-1").split(","))
    scheme, host, port = (
        (fields.get(b"x-forwarded-" + name) or [""])[-1].strip()
        for name in (b"proto", b"host", b"port")
    )
    if port and not PORT.fullmatch(port):
        port = ""
    host = f"{host}:{port}" if port and not has_port(host) else host
    hops = fields.get(b"x-forwarded-for") or ["unknown"]
    for text in islice(reversed(hops), MOST_HOPS):
        found, number = _host_and_port(text.strip())
        yield Hop(_address(found), number, scheme, host)
        scheme = host = ""


def read_forwarded(headers: Headers) -> Iterator[Hop]:
    """The elements of Forwarded, from the nearest proxy on. RFC 7239 4"""
    fields = [value for name, value in headers if name == FORWARDED.encode()]
    found = (each for field in reversed(fields) for each in elements(field.decode("latin-1")))
    for element in islice(found, MOST_HOPS):
        # RFC 7239 6: an address, `unknown` or a name that hides one
        host, port = _host_and_port(element.get("for", ""))
        yield Hop(_address(host), port, element.get("proto"), element.get("host"))


def has_port(host: str) -> bool:
    match = HOST.fullmatch(host)
    return match is not None and match["port"] is not None


def replace_host(scope: dict[str, Any], host: str | None) -> None:
    """Set the Host header to what the client asked the proxy for, unless it is no host.

    `:port` alone is added to the Host header that there is.
    """
    if not host:
        return
    others = [field for field in scope["headers"] if field[0] != b"host"]
    if host.startswith(":"):
        own = next((value for name, value in scope["headers"] if name == b"host"), b"")
        host = own.decode("latin-1") + host
    default = ":" + DEFAULT_PORTS[scope["scheme"]] if scope["scheme"] in DEFAULT_PORTS else None
    if HOST.fullmatch(host):
        host = host.removesuffix(default) if default else host
        scope["headers"] = [(b"host", host.encode()), *others]
