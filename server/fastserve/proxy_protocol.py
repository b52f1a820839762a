"""The header of the PROXY protocol, versions 1 and 2: bytes in, addresses out.

https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt
"""

from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"  # of version 2
START = b"PROXY "  # of version 1
MOST_V1 = 107  # bytes, with the CR LF
FIXED_V2 = 16  # bytes before the addresses; the last two say how many follow
VERSION, LOCAL, RELAYED = 2, 0, 1
# What version 2 calls families: the bytes of both addresses and ports.
UNSPECIFIED, INET, INET6, UNIX = range(4)
SIZES = {UNSPECIFIED: 0, INET: 12, INET6: 36, UNIX: 216}
MOST_TRANSPORT = 2  # unspecified, stream, datagram

Endpoint = tuple[str, int]


class NotProxyProtocol(ValueError):
    """What was received does not begin with a header of the PROXY protocol."""


class ProxyHeader(NamedTuple):
    """What a header says; `size` bytes of the stream belong to it.

    `local`: the proxy itself speaks, to see whether the server is well. Both addresses are None
    when the proxy does not know them, or has the client on a Unix socket.
    """

    size: int
    local: bool = False
    client: Endpoint | None = None
    server: Endpoint | None = None


def parse(data: bytes) -> ProxyHeader | None:
    """The header at the start of a stream; None while it is incomplete.

    It may say a size greater than len(data): what follows the addresses is not needed. Raises
    NotProxyProtocol.
    """
    if data[: len(START)] == START[: len(data)]:
        return parse_v1(data)
    if data[: len(SIGNATURE)] == SIGNATURE[: len(data)]:
        return parse_v2(data)
    raise NotProxyProtocol("no PROXY header")


def parse_v1(data: bytes) -> ProxyHeader | None:
    line, end, _ = data[:MOST_V1].partition(b"\r\n")
    if not end:
        if len(data) >= MOST_V1:
            raise NotProxyProtocol("a line of more than 107 bytes")
        return None
    size = len(line) + len(end)
    words = line.split(b" ")
    if words[1] == b"UNKNOWN":  # whatever else stands there
        return ProxyHeader(size)
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise NotProxyProtocol("not the words of version 1")
    kind = IPv4Address if words[1] == b"TCP4" else IPv6Address
    client, server = (
        (host_v1(kind, host), port_v1(port))
        for host, port in ((words[2], words[4]), (words[3], words[5]))
    )
    return ProxyHeader(size, False, client, server)


def host_v1(kind: type[IPv4Address] | type[IPv6Address], word: bytes) -> str:
    text = word.decode("latin-1")
    try:
        if "%" in text:  # a zone can hold anything
            raise ValueError
        return plain(kind(text))
    except ValueError:
        raise NotProxyProtocol("an invalid address") from None


def port_v1(word: bytes) -> int:
    # int() takes blanks, signs and underscores too.
    if not word.isdigit() or len(word) > 5 or (word[:1] == b"0" and word != b"0"):
        raise NotProxyProtocol("an invalid port")
    port = int(word)
    if port > 65535:
        raise NotProxyProtocol("an invalid port")
    return port


def parse_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < FIXED_V2:
        return None
    version, command = divmod(data[12], 16)
    family, transport = divmod(data[13], 16)
    length = int.from_bytes(data[14:16], "big")
    size = FIXED_V2 + length
    if version != VERSION or command not in (LOCAL, RELAYED):
        raise NotProxyProtocol("an unknown version or command")
    if command == LOCAL:
        return ProxyHeader(size, True)
    if family not in SIZES or transport > MOST_TRANSPORT:
        raise NotProxyProtocol("an unknown family or transport")
    if length < SIZES[family]:
        raise NotProxyProtocol("a length too small for its addresses")
    if len(data) < FIXED_V2 + SIZES[family]:
        return None
    if family not in (INET, INET6):
        return ProxyHeader(size)
    width = 4 if family == INET else 16
    at = FIXED_V2 + 2 * width  # of the ports
    client, server = (
        (host_v2(data[start : start + width]), int.from_bytes(data[port : port + 2], "big"))
        for start, port in ((FIXED_V2, at), (FIXED_V2 + width, at + 2))
    )
    return ProxyHeader(size, False, client, server)


def host_v2(packed: bytes) -> str:
    return plain(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed))


def plain(address: IPv4Address | IPv6Address) -> str:
    """As text; IPv4 that was mapped into IPv6 as IPv4."""
    return str(getattr(address, "ipv4_mapped", None) or address)
