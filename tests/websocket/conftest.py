"""The servers of these tests."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live import Live

from .apps import echo
from .cases import MAX_FRAGMENTS, MAX_SIZE

TLS = Path(__file__).parents[1] / "server" / "tls"


@pytest.fixture(scope="session", params=["uvloop", "asyncio"])
def echo_server(request: pytest.FixtureRequest) -> Iterator[Any]:
    """An app that echoes, with the limits of the cases."""
    limits = {"ws_max_size": MAX_SIZE, "ws_max_fragments": MAX_FRAGMENTS}
    server = Live(echo, loop=request.param, **limits)
    yield server
    assert server.stop() is None


@pytest.fixture
def tls_files() -> dict[str, str]:
    """The options for a server on TLS."""
    return {"ssl_certfile": str(TLS / "cert.pem"), "ssl_keyfile": str(TLS / "key.pem")}


@pytest.fixture
def tls_client() -> ssl.SSLContext:
    """A client's context that trusts that server, as localhost."""
    return ssl.create_default_context(cafile=str(TLS / "cert.pem"))
