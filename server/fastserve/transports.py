"""Give an accepted socket its transport: our own, which is faster, or for TLS that of the loop.

Ours calls OpenSSL itself, so what the ssl module adds to a connection is not there: the callback
that chooses a certificate by name, a log of keys, a client's certificate. Where such things may be,
the loop's transport is used.
"""

import asyncio
import logging
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

from .asgi._socket import Poller, SocketTransport
from .config import Config
from .errors import ConfigError
from .tls_options import needs_ssl_module

if TYPE_CHECKING:
    from .asgi._tls import TLSTransport

logger = logging.getLogger("fastserve")

# Bytes. Transports allocate 256 KiB for a read, and shrink it to what has come.
HEAP_BLOCK = 1 << 20
PREPARING = threading.Lock()


class Transports:
    """Makes the transports of one listener. Raises ConfigError."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        allocate_reads_on_heap()
        self._loop = loop
        self._direct = Direct() if uses_direct(config) else None
        self._poller = Poller(
            loop,
            hold=None if config.coalesce_writes else False,
            copies=config.body_copies,
        )
        self.accept = self._poller.accept
        self.make_plain = self._poller.serve

    def close(self) -> None:
        """Leave the loop alone, when the last connection is lost."""
        self._poller.close()

    async def make_tls(
        self, factory: Any, sock: socket.socket, context: ssl.SSLContext, timeout: float | None
    ) -> None:
        """Return after the TLS handshake. Raises OSError."""
        if self._direct is None:
            await self._loop.connect_accepted_socket(
                factory, sock, ssl=context, ssl_handshake_timeout=timeout
            )
        else:
            handshake = self._loop.create_future()
            try:
                above = self._direct.make(context, factory, handshake)
            except BaseException:
                sock.close()
                raise
            transport = SocketTransport(self._poller, sock.fileno(), above)
            sock.detach()
            await shake_hands(transport, handshake, timeout)


class Direct:
    """Makes TLS transports that call OpenSSL themselves, for one loop."""

    def __init__(self) -> None:
        from .asgi import _tls
        from .openssl import pointer_of

        self._pointer_of = pointer_of
        self._transport = _tls.TLSTransport
        self._buffers = _tls.Buffers()
        self._context: ssl.SSLContext | None = None  # that of the last connection
        self._pointer = 0

    def make(
        self, context: ssl.SSLContext, factory: Any, handshake: "asyncio.Future[None]"
    ) -> "TLSTransport":
        """Raises ssl.SSLError."""
        if context is not self._context:
            self._pointer = self._pointer_of(context)
            self._context = context
        return self._transport(self._buffers, context, self._pointer, factory, handshake)


async def shake_hands(
    transport: SocketTransport, handshake: "asyncio.Future[None]", timeout: float | None
) -> None:
    """Return after the TLS handshake. Raises OSError."""
    handshake.add_done_callback(take_exception)
    try:
        async with asyncio.timeout(timeout):
            transport.begin()
            await handshake
    except BaseException as error:
        handshake.cancel()
        transport.abort()
        if isinstance(error, TimeoutError):
            raise ConnectionAbortedError("the TLS handshake did not end in time") from None
        raise
    finally:
        del handshake, transport  # an error's traceback leads here, and they to the error


def take_exception(handshake: asyncio.Future[None]) -> None:
    """Or asyncio reports it when the task that waits for it was cancelled."""
    if not handshake.cancelled():
        handshake.exception()


def allocate_reads_on_heap() -> None:
    """Keep glibc from giving memory back to the system after each read, and taking it again.

    It maps blocks above a threshold, 128 KiB at first, and trims its heap by what is free above
    twice that. Once a mapped block was freed as it was allocated, not shrunk, the threshold is its
    size. See mallopt(3), M_MMAP_THRESHOLD.
    """
    bytes(HEAP_BLOCK)


def uses_direct(config: Config) -> bool:
    """Whether TLS is carried by our own transport. Raises ConfigError."""
    name = config.ssl_transport
    if not config.is_ssl or name == "loop" or needs_ssl_module(config):
        return False
    from .openssl import NotAvailable  # ctypes is slow to import

    try:
        prepare()
    except NotAvailable as error:
        if name == "direct":
            raise ConfigError("ssl_transport", f"direct cannot be used: {error}") from None
        logger.warning("The event loop carries TLS, which is slower: %s", error)
        return False
    return True


def prepare() -> None:
    """Find OpenSSL's functions and where a context has its SSL_CTX. Raises NotAvailable."""
    from .asgi import _tls
    from .openssl import addresses_of, pointer_of

    with PREPARING:
        _tls.bind(addresses_of(_tls.NAMES))
    pointer_of(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
