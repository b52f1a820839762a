"""The key of TLS session tickets: the same in all workers, and another every twelve hours.

Without it, a client that comes back to another worker has to do the whole handshake. The supervisor
makes a secret, in memory alone, and gives it to its workers as they start. Each of them derives the
next period's secret from it and forgets it: who learns one cannot read older tickets (RFC 8446 2.2,
RFC 5077 5.5), and no worker has to be told.
"""

import hashlib
import logging
import os
import ssl
import time

logger = logging.getLogger("fastserve")

PERIOD_SECONDS = 12 * 3600
SECRET_BYTES = 32
KEY_BYTES = 80  # name, HMAC key and AES key


class Secret:
    """From which the key of each period is derived."""

    def __init__(self) -> None:
        self.period = current_period()
        self._value = os.urandom(SECRET_BYTES)

    def advance(self) -> None:
        """To the current period; a clock that was set back changes nothing."""
        while self.period < current_period():
            self._value = hashlib.sha256(b"next" + self._value).digest()
            self.period += 1

    def key(self, purpose: bytes) -> bytes:
        return hashlib.shake_256(b"key" + self._value + purpose).digest(KEY_BYTES)


def current_period() -> int:
    return int(time.time() // PERIOD_SECONDS)


_secret = Secret()  # of this process, or of its supervisor


def shared() -> Secret:
    """What a supervisor gives to its workers, as of now."""
    _secret.advance()
    return _secret


def adopt(secret: Secret) -> None:
    """Use the supervisor's."""
    global _secret
    _secret = secret


class Tickets:
    """The key of one context. `purpose` differs where sessions must not be shared."""

    def __init__(self, context: ssl.SSLContext, purpose: bytes) -> None:
        self._context = context
        self._purpose = purpose
        self._period = -1
        self._works = True

    def keep_current(self) -> None:
        """Set the key of the current period, if it is not set yet."""
        if self._works and self._period != current_period():
            from .openssl import NotAvailable, set_ticket_key  # ctypes is slow to import

            secret = shared()
            self._period = current_period()
            try:
                set_ticket_key(self._context, secret.key(self._purpose))
            except NotAvailable as error:
                self._works = False
                logger.info(
                    "TLS sessions are resumed only by the worker that began them: %s", error
                )
