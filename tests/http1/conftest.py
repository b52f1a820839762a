"""A loop for each test, and each parser."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from .loop import Loop
from .served import PARSERS, Served


@pytest.fixture
def loop():
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(params=PARSERS)
def parser(request):
    """The option `http`."""
    return request.param


@pytest.fixture
def serve(loop, parser):
    """`serve(app, **options)`: an app behind its service; nothing may have gone wrong at the end."""
    started = []

    def start(app, **options):
        started.append(Served(loop, app, http=parser, **options))
        return started[-1]

    yield start
    for served in started:
        served.stop()
