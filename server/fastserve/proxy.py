"""The client's address and scheme, as a trusted proxy reports them."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import islice
from typing import Any

Address = IPv4Address | IPv6Address

EVERYONE = "*"
UNIX = "unix"
LOOPBACK = "127.0.0.1,::1"
MOST_KNOWN = 1024  # peers of which it is remembered whether they are trusted
MOST_HOPS = 64  # of X-Forwarded-For, from the nearest on: longer lists would cost too much
SCHEMES = {b"http": "http", b"ws": "http", b"https": "https", b"wss": "https"}


class Proxies:
    """The trusted proxies: addresses, networks, `unix` or `*`, separated by commas.

    The path of a Unix socket means `unix`. Raises ValueError for anything else.
    """

    def __init__(self, allowed: str) -> None:
        names = [name for part in allowed.split(",") if (name := part.strip())]
        paths = [name for name in names if name.startswith("/")]
        self.everyone = EVERYONE in names
        self.unix = UNIX in names or bool(paths)
        words = (EVERYONE, UNIX, *paths)
        self.networks = [ip_network(name) for name in names if name not in words]
        self._trusts_host = lru_cache(MOST_KNOWN)(lambda host: self._holds(_address(host)))

    def trust(self, client: object) -> bool:
        """Whether the peer is trusted; over a Unix socket `client` is not a `(host, port)`."""
        if not isinstance(client, tuple):
            return self.everyone or self.unix
        return self.everyone or self._trusts_host(client[0])

    def apply(self, scope: dict[str, Any]) -> None:
        """Set the scope's `client` and `scheme` from X-Forwarded-For and X-Forwarded-Proto."""
        hops: list[bytes] = []
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                hops += value.split(b",")
            elif name == b"x-forwarded-proto":
                # Each proxy appends: only the last value is known to come from a trusted one.
                scheme = value.rpartition(b",")[2].strip().lower()
                scope["scheme"] = SCHEMES.get(scheme, scope["scheme"])
        found = self._client(hops)
        if found is not None:
            scope["client"] = found

    def _client(self, hops: Iterable[bytes]) -> tuple[str, int] | None:
        """The nearest address that is not a trusted proxy; whatever it sent may be forged."""
        client = None
        for hop in islice(reversed(list(hops)), MOST_HOPS):
            host, port = _host_and_port(hop.decode("latin-1").strip())
            address = _address(host)
            if address is None:
                break
            client = (str(address), port)
            if not self.everyone and not self._holds(address):
                break
        return client

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
