"""Give an accepted socket its transport: that of the loop, or for TLS the faster one of aiofastnet.

aiofastnet calls OpenSSL itself, so what the ssl module adds to a connection is not there: a
callback of the context (a certificate by name, a key log) crashes the process, and to show a
client's certificate it writes a file at each handshake. Where such things may be, the loop's
transport is used.
"""

import asyncio
import importlib.util
import logging
import socket
import ssl
from typing import Any

from .config import Config
from .errors import ConfigError
from .tls_options import needs_ssl_module

logger = logging.getLogger("fastserve")

RECORD = 16384 + 64  # bytes; RFC 8446 5.1 and 5.2
# aiofastnet gives the protocol 256 KiB at most in one call, and forgets what is left if that pauses
# reading; so its buffer holds less.
BUFFER = 4 * RECORD
# Bytes. Transports allocate 256 KiB for a read, and shrink it to what has come.
HEAP_BLOCK = 1 << 20


class Transports:
    """Makes the transports of one listener. Raises ConfigError."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        allocate_reads_on_heap()
        self._loop = loop
        self._fast: Any = load(config)

    async def make(
        self,
        factory: Any,
        sock: socket.socket,
        context: ssl.SSLContext | None,
        timeout: float | None,
    ) -> None:
        """Return after the TLS handshake, if there is one."""
        if context is None:
            await self._loop.connect_accepted_socket(factory, sock)
        elif self._fast is None:
            await self._loop.connect_accepted_socket(
                factory, sock, ssl=context, ssl_handshake_timeout=timeout
            )
        else:
            await self._make_fast(factory, sock, context, timeout)

    async def _make_fast(
        self, factory: Any, sock: socket.socket, context: ssl.SSLContext, timeout: float | None
    ) -> None:
        try:
            await self._fast.connect_accepted_socket(
                self._loop,
                factory,
                sock,
                ssl=context,
                ssl_handshake_timeout=timeout,
                ssl_incoming_bio_size=BUFFER,
                ssl_outgoing_bio_size=BUFFER,
            )
        except BaseException:
            sock.close()  # it is left open when the first bytes are not TLS
            raise


def allocate_reads_on_heap() -> None:
    """Keep glibc from giving memory back to the system after each read, and taking it again.

    It maps blocks above a threshold, 128 KiB at first, and trims its heap by what is free above
    twice that. Once a mapped block was freed as it was allocated, not shrunk, the threshold is its
    size. See mallopt(3), M_MMAP_THRESHOLD.
    """
    bytes(HEAP_BLOCK)


def load(config: Config) -> Any:
    """The module aiofastnet, or None for the transports of the loop. Raises ConfigError."""
    name = config.ssl_transport
    if not config.is_ssl or name == "loop" or needs_ssl_module(config):
        return None
    if name == "auto" and (config.threads > 1 or importlib.util.find_spec("aiofastnet") is None):
        return None
    try:
        import aiofastnet

        if aiofastnet.OPENSSL_DYN_LIBS is None:
            raise ImportError("the ssl module has OpenSSL built in")
    except ImportError as error:
        if name == "auto":
            logger.warning("aiofastnet is not used: %s", error)
            return None
        problem = f"aiofastnet cannot be used ({error}); pip install 'fastserve-asgi[fast]'"
        raise ConfigError("ssl_transport", problem) from None
    return aiofastnet


def is_reset_handshake(context: dict[str, Any]) -> bool:
    """Whether the loop is told of a client that left during the handshake.

    aiofastnet gives the class in place of an exception, which logging cannot format.
    """
    return context.get("exception") is ConnectionResetError
