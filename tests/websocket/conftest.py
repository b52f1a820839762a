"""The servers of these tests: one for each event loop, and one on demand."""

import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from apps import echo  # noqa: E402
from cases import MAX_FRAGMENTS, MAX_SIZE  # noqa: E402
from harness import Config, Running, serving  # noqa: E402


@pytest.fixture(scope="session", params=["asyncio", "uvloop"])
def loop_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def echo_server(loop_name: str) -> Iterator[Running]:
    config = Config(ws_max_size=MAX_SIZE, ws_max_fragments=MAX_FRAGMENTS)
    with serving(echo, config, loop_name) as running:
        yield running


@pytest.fixture(scope="session")
def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's context, for localhost."""
    folder = Path(__file__).parents[1] / "server" / "tls"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "cert.pem"))
