"""While the server runs: certificates that changed are loaded, ticket keys replaced."""

import asyncio
import logging
import os
import ssl
from collections.abc import Sequence
from typing import Protocol

from .config import Config
from .errors import ConfigError
from .tls import files_of, server_context

logger = logging.getLogger("fastserve")

POLL_SECONDS = 1.0


class Secured(Protocol):
    """What serves with TLS."""

    @property
    def context(self) -> ssl.SSLContext | None: ...

    def replace_context(self, context: ssl.SSLContext | None) -> None: ...


def reload(config: Config, serving: Secured) -> None:
    """Read all files again; what cannot be used is logged, and changes nothing."""
    try:
        serving.replace_context(server_context(config))
    except ConfigError as error:
        logger.error("%s; going on with the old certificate", error)
    except Exception:  # of the program's own ssl_context_factory
        logger.exception("Making the TLS context failed; going on with the old certificate")
    else:
        logger.info("Loaded the certificate; connections from now on get it")


class Changes:
    """Tells once about each change of the files, when the next look finds no other.

    A certificate and its key are two files, and each takes a while to write.
    """

    def __init__(self, files: Sequence[str]) -> None:
        self._files = files
        self._seen = self._look()
        self._changing = False

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [state(path) for path in self._files]

    def settled(self) -> bool:
        seen, self._seen = self._seen, self._look()
        changed, self._changing = self._changing, seen != self._seen
        return changed and not self._changing


def state(path: str) -> tuple[int, int, int] | None:
    """Differs once a file is another, or has other content; None while there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


async def renew(config: Config, serving: Secured) -> None:
    """Until cancelled."""
    changes = Changes(files_of(config) if config.ssl_reload else ())
    while True:
        await asyncio.sleep(POLL_SECONDS)
        if changes.settled():
            reload(config, serving)
        keep_tickets_current(serving.context)


def keep_tickets_current(context: ssl.SSLContext | None) -> None:
    tickets = getattr(context, "tickets", None)  # a context of ssl_context may have none
    if tickets is not None:
        tickets.keep_current()
