"""Give an accepted socket its transport: that of the loop, or the faster one of aiofastnet.

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

logger = logging.getLogger("fastserve")

RECORD = 16384 + 64  # bytes; RFC 8446 5.1 and 5.2
# aiofastnet gives the protocol 256 KiB at most in one call, and forgets what is left if that pauses
# reading; so its buffer holds less.
BUFFER = 4 * RECORD


class Transports:
    """Makes the transports of one listener. Raises ConfigError."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._fast = load(config.transport)
        # On uvloop its own transport is as fast for plain TCP, and faster for large bodies.
        self.makes_plain = self._fast is not None and (
            config.transport == "aiofastnet" or isinstance(loop, asyncio.SelectorEventLoop)
        )
        # Without OPENSSL_DYN_LIBS it has not found the ssl module's OpenSSL, and goes a slow way.
        self._makes_tls = (
            self._fast is not None
            and self._fast.OPENSSL_DYN_LIBS is not None
            and is_without_callbacks(config)
        )

    async def make(
        self,
        factory: Any,
        sock: socket.socket,
        context: ssl.SSLContext | None,
        timeout: float | None,
    ) -> None:
        """Return after the TLS handshake, if there is one. Closes the socket if it fails."""
        options: dict[str, Any] = {}
        if context is not None:
            options = {"ssl": context, "ssl_handshake_timeout": timeout}
        if not (self.makes_plain if context is None else self._makes_tls):
            await self._loop.connect_accepted_socket(factory, sock, **options)
            return
        if context is not None:
            options |= {"ssl_incoming_bio_size": BUFFER, "ssl_outgoing_bio_size": BUFFER}
        try:
            await self._fast.connect_accepted_socket(self._loop, factory, sock, **options)
        except BaseException:
            sock.close()  # it is left open when the first bytes are not TLS
            raise


def load(name: str) -> Any:
    """The module aiofastnet, or None where the loop's transports are to be used."""
    if name == "loop" or (name == "auto" and importlib.util.find_spec("aiofastnet") is None):
        return None
    try:
        import aiofastnet
    except ImportError as error:
        if name == "auto":
            logger.warning(
                "aiofastnet cannot be imported (%s); the loop's transports are used", error
            )
            return None
        raise ConfigError("transport", f"aiofastnet cannot be imported ({error})") from None
    return aiofastnet


def is_without_callbacks(config: Config) -> bool:
    """Whether nothing in the context needs a connection of the ssl module, as far as we know."""
    own = config.ssl_context is not None or config.ssl_context_factory is not None
    return not own and not config.ssl_sni and config.ssl_cert_reqs == "none"


def is_reset_handshake(context: dict[str, Any]) -> bool:
    """Whether the loop is told of a client that left during the handshake.

    aiofastnet gives the class in place of an exception, which logging cannot format.
    """
    return context.get("exception") is ConnectionResetError
