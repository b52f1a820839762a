"""A loop for each test over the fake transport, and a server on each loop."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "server")]

from http1.loop import Loop  # noqa: E402
from live import Live  # noqa: E402

from .players import LivePeer  # noqa: E402
from .stage import app  # noqa: E402


@pytest.fixture
def loop():
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(scope="session", params=["uvloop", "asyncio"])
def loop_name(request):
    """The option `loop`."""
    return request.param


@pytest.fixture(scope="session")
def live_server(loop_name):
    """One server for all cases that need no option."""
    server = Live(app, loop=loop_name)
    yield LivePeer(server)
    assert server.stop() is None
