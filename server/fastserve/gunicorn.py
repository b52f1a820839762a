"""The worker class for gunicorn: `gunicorn -k fastserve.gunicorn.Worker main:app`.

gunicorn has the sockets, the processes and the signals; this serves in each process.
"""

import asyncio
import logging
import os
import signal
import sys
from types import FrameType
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.workers.base import Worker as GunicornWorker  # type: ignore[import-untyped]

from .config import Config
from .embedded import EmbeddedServer
from .errors import StartError
from .loops import choose_loop, loop_factory

BEAT_SECONDS = 1.0
# What the application's shutdown has, of the graceful_timeout after which gunicorn kills.
SHUTDOWN_SECONDS = 2.0

# Taken over if they were set: the defaults of these limits are ours.
LIMITS = {
    "limit_request_line": "limit_request_line",
    "limit_request_fields": "limit_field_count",
    "limit_request_field_size": "limit_field",
    "worker_connections": "limit_connections",
}


class Worker(GunicornWorker):  # type: ignore[misc]
    """Serves gunicorn's sockets; a subclass sets more options of Config in CONFIG_KWARGS."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {}  # the name that uvicorn's worker has for it

    server: EmbeddedServer | None = None

    def run(self) -> None:
        """Serve until gunicorn ends this process, or max_requests is reached."""
        take_logs(self.log)
        # gunicorn's pipe is read by nobody here.
        signal.set_wakeup_fd(-1)
        try:
            self.server = EmbeddedServer(Config(self.wsgi, **self.options()))
            self.server.owns_process = True
            loop = loop_factory(choose_loop(self.server.config.loop))
            with asyncio.Runner(loop_factory=loop) as runner:
                runner.run(self._serve(self.server))
        except StartError as error:
            self.log.error("%s", error, exc_info=error.__cause__)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)  # gunicorn stops: another try would fail as well

    def options(self) -> dict[str, Any]:
        """What gunicorn's settings are here."""
        cfg = self.cfg
        graceful = cfg.graceful_timeout
        options = {
            "log_config": None,
            "access_log": bool(self.log.access_log.handlers),
            "access_log_format": cfg.access_log_format,
            "backlog": cfg.backlog,
            "forwarded_allow_ips": cfg.forwarded_allow_ips,
            "limit_max_requests": self.max_requests if cfg.max_requests > 0 else 0,
            "timeout_keep_alive": cfg.keepalive,
            "timeout_graceful_shutdown": graceful - min(SHUTDOWN_SECONDS, graceful / 4),
            **self._limits(),
        }
        if cfg.certfile:
            options |= {
                "ssl_certfile": cfg.certfile,
                "ssl_keyfile": cfg.keyfile,
                "ssl_ca_certs": cfg.ca_certs,
                "ssl_cert_reqs": cfg.cert_reqs,
                "ssl_ciphers": cfg.ciphers,
                "ssl_context_factory": lambda config, make: cfg.ssl_context(cfg, make),
            }
        return {**options, **self.CONFIG_KWARGS}

    def _limits(self) -> dict[str, int]:
        found = {}
        for theirs, ours in LIMITS.items():
            setting = self.cfg.settings[theirs]
            if setting.get() and setting.get() != setting.default:
                found[ours] = setting.get()
        return found

    async def _serve(self, server: EmbeddedServer) -> None:
        # From before the application starts until it has stopped: gunicorn kills who is silent.
        beating = asyncio.create_task(self._beat(server))
        try:
            await server.startup([getattr(each, "sock", each) for each in self.sockets])
            await server.serve_on()
        finally:
            beating.cancel()

    async def _beat(self, server: EmbeddedServer) -> None:
        interval = min(BEAT_SECONDS, self.timeout / 2) or BEAT_SECONDS
        while True:
            self.notify()
            # A thread of gunicorn's --reload says it so.
            if not self.alive or os.getppid() != self.ppid:
                server.should_exit = True
            await asyncio.sleep(interval)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: finish what is in progress."""
        self.alive = False
        if self.server is not None:
            self.server.should_exit = True

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT and SIGQUIT: do not wait for it."""
        self.alive = False
        self.cfg.worker_int(self)
        if self.server is None:
            sys.exit(0)
        self.server.should_exit = self.server.force_exit = True


def take_logs(log: Any) -> None:
    """Write to gunicorn's logs, with its handlers, levels and files."""
    pairs = (("fastserve", log.error_log), ("fastserve.access", log.access_log))
    for name, theirs in pairs:
        logger = logging.getLogger(name)
        logger.handlers = theirs.handlers
        logger.setLevel(theirs.level)
        logger.propagate = False
