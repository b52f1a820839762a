"""A pytest plugin: `import uvicorn` gives fastserve under uvicorn's names.

Modules and names that are not here do not exist for the tests: they are uvicorn's inside.
"""

import json
import logging
import logging.config
import os
import sys
import types
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import carrier
import pytest

import fastserve
import httpparser
from fastserve import cli, importer, logs, trace
from fastserve.lifespan import Lifespan
from fastserve.proxy import Proxies
from fastserve.supervisor import Supervisor

httpparser.install_as_httptools()
sys.modules["wsproto"] = None  # as if it were not installed: its tests are of another library


class Config(fastserve.Config):
    """Ours, which also takes the protocol classes that the tests' fixtures give."""

    def __init__(self, app: Any, *address: Any, **options: Any) -> None:
        if isinstance(kind := options.get("http"), type):
            options["http"] = kind.http
        if isinstance(options.get("ws"), type):
            options["ws"] = "auto"
        options.setdefault("timeout_graceful_shutdown", 2)  # a test that fails soon ends
        super().__init__(app, *address, **options)
        self._set("given", options)
        logs.configure(self)

    def with_options(self, **options: Any) -> "Config":
        return Config(self.app, **{**self.given, **options})

    @property
    def loaded_app(self) -> Any:
        return self.load_app()


class LifespanOn:
    """Our lifespan, whose errors are attributes as in uvicorn."""

    def __init__(self, config: Config) -> None:
        self._lifespan = Lifespan(importer.load(config), config.lifespan)
        self.state = self._lifespan.state
        self.should_exit = self.startup_failed = self.shutdown_failed = False

    @property
    def error_occurred(self) -> bool:
        return self._lifespan._error is not None

    async def startup(self) -> None:
        try:
            await self._lifespan.startup()
        except fastserve.LifespanError as error:
            self.startup_failed = self.should_exit = True
            logging.getLogger("fastserve").error("%s", error)

    async def shutdown(self) -> None:
        try:
            await self._lifespan.shutdown()
        except fastserve.LifespanError as error:
            self.shutdown_failed = self.should_exit = True
            logging.getLogger("fastserve").error("%s", error)


class LifespanOff(LifespanOn):
    def __init__(self, config: Config) -> None:
        self.state: dict[str, Any] = {}

    async def startup(self) -> None:
        pass

    shutdown = startup


class ProxyHeadersMiddleware:
    """What our connections do to the scope of a trusted peer."""

    def __init__(self, app: Any, trusted_hosts: str | list[str] = "127.0.0.1") -> None:
        self.app = app
        self.proxies = proxies_of(trusted_hosts)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan" and self.proxies.trust(scope.get("client")):
            self.proxies.apply(scope)
            if scope["type"] == "websocket":  # its handshake does so after the proxy's headers
                scope["scheme"] = scope["scheme"].replace("http", "ws")
        await self.app(scope, receive, send)


class TrustedHosts:
    def __init__(self, trusted_hosts: str | list[str]) -> None:
        self.proxies = proxies_of(trusted_hosts)

    def __contains__(self, host: str) -> bool:
        return self.proxies.trust((host, 0))


def proxies_of(trusted: str | list[str]) -> Proxies:
    return Proxies(trusted if isinstance(trusted, str) else ",".join(trusted))


def import_from_string(name: Any) -> Any:
    return importer.import_app(name, ".") if isinstance(name, str) else name


def wsgi_middleware(app: Any) -> Any:
    return importer.adapt(app, "wsgi", "app")


wsgi_middleware.__name__ = "_WSGIMiddleware"  # the name of a test's parameter


LOGGING_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "default": {"()": "uvicorn.logging.DefaultFormatter", "use_colors": None},
        "access": {"()": "uvicorn.logging.AccessFormatter"},
    },
    "handlers": {
        "default": {"formatter": "default", "class": "logging.StreamHandler"},
        "access": {"formatter": "access", "class": "logging.StreamHandler"},
    },
    "loggers": {
        "uvicorn": {"handlers": ["default"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"level": "INFO"},
        "uvicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
}

NAMES: dict[str, dict[str, Any]] = {
    "uvicorn": {
        "Config": Config,
        "Server": fastserve.Server,
        "run": fastserve.run,
        "__version__": fastserve.__version__,
        "__path__": [],
    },
    "uvicorn.config": {
        "Config": Config,
        "LOGGING_CONFIG": LOGGING_CONFIG,
        "LoopFactoryType": str,
        "STARTUP_FAILURE": 3,
        "UvicornDeprecationWarning": DeprecationWarning,
        "WS_PROTOCOLS": {"auto": None, "none": None},
    },
    "uvicorn.server": {"Server": fastserve.Server, "ServerState": carrier.State},
    "uvicorn.main": {"run": fastserve.run, "main": cli.main},
    "uvicorn.importer": {
        "ImportFromStringError": fastserve.AppError,
        "import_from_string": import_from_string,
    },
    "uvicorn.lifespan": {"__path__": []},
    "uvicorn.lifespan.on": {"LifespanOn": LifespanOn},
    "uvicorn.lifespan.off": {"LifespanOff": LifespanOff},
    "uvicorn.logging": {"TRACE_LOG_LEVEL": 5},
    "uvicorn.middleware": {"__path__": []},
    "uvicorn.middleware.message_logger": {"MessageLoggerMiddleware": trace.traced},
    "uvicorn.middleware.proxy_headers": {
        "ProxyHeadersMiddleware": ProxyHeadersMiddleware,
        "_TrustedHosts": TrustedHosts,
    },
    "uvicorn.middleware.wsgi": {
        "WSGIMiddleware": wsgi_middleware,
        "_WSGIMiddleware": wsgi_middleware,
    },
    "uvicorn.protocols": {"__path__": []},
    "uvicorn.protocols.http": {"__path__": []},
    "uvicorn.protocols.http.flow_control": {"HIGH_WATER_LIMIT": 65536},
    "uvicorn.protocols.http.h11_impl": {"H11Protocol": carrier.H11Protocol},
    "uvicorn.protocols.http.httptools_impl": {"HttpToolsProtocol": carrier.HttpToolsProtocol},
    "uvicorn.protocols.websockets": {"__path__": []},
    "uvicorn.protocols.websockets.websockets_sansio_impl": {
        "WebSocketsSansIOProtocol": carrier.WebSocketProtocol
    },
    "uvicorn.supervisors": {"Multiprocess": Supervisor},
}
LOGGERS = {"uvicorn": "fastserve", "uvicorn.error": "fastserve"} | {
    f"uvicorn.{name}": f"fastserve.{name}" for name in ("access", "asgi")
}


class Types(types.ModuleType):
    """`uvicorn._types`: names for annotations only."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Any


def install() -> None:
    for name, content in NAMES.items():
        module = sys.modules[name] = types.ModuleType(name)
        vars(module).update(content)
    sys.modules["uvicorn._types"] = Types("uvicorn._types")
    for name in [*NAMES, "uvicorn._types"]:
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])


def share_loggers() -> None:
    """What the tests do to uvicorn's loggers they do to ours, whose records have their names."""
    get_logger = logging.getLogger
    logging.getLogger = lambda name=None: get_logger(LOGGERS.get(name, name))
    theirs = {ours: name for name, ours in LOGGERS.items()}
    make = logging.getLogRecordFactory()

    def renamed(name: str, *arguments: Any, **options: Any) -> logging.LogRecord:
        return make(theirs.get(name, name), *arguments, **options)

    logging.setLogRecordFactory(renamed)


ON_OURS = os.environ["SUITE_SERVER"] == "fastserve"
if ON_OURS:
    install()
    share_loggers()

outcomes: dict[str, list[str]] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """The worst of a test's phases, with the last line of what went wrong."""
    order = ("passed", "skipped", "failed")
    problem = ""
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        problem = crash.message if crash else str(report.longrepr)[-500:]
    elif report.skipped:
        problem = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else "expected"
    known = outcomes.get(report.nodeid, ["passed", ""])
    if order.index(report.outcome) > order.index(known[0]):
        known = [report.outcome, problem]
    outcomes[report.nodeid] = known


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        outcomes[report.nodeid] = ["failed", str(report.longrepr)[-500:]]


def pytest_sessionfinish() -> None:
    Path(os.environ["SUITE_OUTCOMES"]).write_text(json.dumps(outcomes, indent=1))
