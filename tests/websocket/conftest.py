"""The servers of these tests: one for each event loop, and one on demand."""

import os
import sys
from collections.abc import Iterator

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
