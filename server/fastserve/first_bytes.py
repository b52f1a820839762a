"""The first bytes of an accepted socket, before a transport has it: PROXY header, TLS or not."""

import asyncio
import contextlib
import socket

from .proxy import Proxies
from .proxy_protocol import Endpoint, NotProxyProtocol, parse

Endpoints = tuple[Endpoint | None, Endpoint | None]

MOST = 4096  # bytes to look at in one go
LETTERS = range(ord("A"), ord("z") + 1)  # HTTP begins with one; TLS with 22. RFC 8446 5.1
LINGER_SECONDS = 2.0
LINGER_BYTES = 65536

TEXT = b"This port speaks TLS; use https://\n"
NO_TLS = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"Content-Type: text/plain\r\n"
    b"Content-Length: %d\r\n"
    b"Connection: close\r\n\r\n%s" % (len(TEXT), TEXT)
)


class NotTLS(Exception):
    """The client speaks plain HTTP, it seems."""


class Refused(Exception):
    """This peer may not send a PROXY header."""


async def look(sock: socket.socket) -> bytes:
    """What has arrived, or will, and is still to be received; empty at the end."""
    while True:
        try:
            return sock.recv(MOST, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            await readable(sock)


async def readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sock)


async def read_endpoints(sock: socket.socket, relays: Proxies) -> Endpoints | None:
    """Receive the PROXY header and nothing beyond it: the addresses of client and server.

    None: the proxy speaks for itself, and the addresses are those of the socket. Raises
    NotProxyProtocol, and Refused for a peer that is not trusted.
    """
    peer = sock.getpeername()
    if not relays.trust(peer):
        word = "" if isinstance(peer, tuple) else "; add unix"
        raise Refused(f"{name(peer)} is not in forwarded_allow_ips{word}")
    data = b""
    while True:
        more = await look(sock)
        try:
            header = parse(data + more)
        except NotProxyProtocol as error:
            raise NotProxyProtocol(f"{name(peer)} sent {error}") from None
        if not more:
            raise ConnectionAbortedError("the end came before a PROXY header")
        if header is not None:
            await skip(sock, header.size - len(data))
            return None if header.local else (header.client, header.server)
        data += sock.recv(len(more))  # all of it belongs to the header


def name(peer: object) -> str:
    return str(peer[0]) if isinstance(peer, tuple) else "a client of the Unix socket"


async def skip(sock: socket.socket, count: int) -> None:
    """Receive so many bytes for nobody."""
    while count:
        if not await look(sock):
            raise ConnectionAbortedError("the end came within a PROXY header")
        count -= len(sock.recv(min(count, MOST)))


async def expect_tls(sock: socket.socket) -> None:
    """Return when there is what may be TLS. Raises NotTLS."""
    begin = await look(sock)
    if begin and begin[0] in LETTERS:
        raise NotTLS


async def refuse_http(sock: socket.socket) -> None:
    """Answer 400 in plain text, and wait until the client has closed, for a short time."""
    with contextlib.suppress(OSError):  # it has gone; TimeoutError is an OSError too
        sock.send(NO_TLS)  # an empty buffer has room for it
        sock.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(LINGER_SECONDS):
            # A close with bytes unread is a reset, which may overtake the answer.
            await skip(sock, LINGER_BYTES)
