"""Servers for the tests: each of {llhttp, h11} x {uvloop, asyncio}, started once and kept."""

import gc
import signal

import gil
import pytest
from live import COMBINATIONS, Live

from fastserve.repeats import REPEATS


@pytest.fixture(scope="session", params=COMBINATIONS, ids="-".join)
def combination(request):
    """The options `http` and `loop`."""
    return dict(zip(("http", "loop"), request.param, strict=True))


@pytest.fixture(scope="session")
def live(combination):
    """`live(app, **options)`: a server on this combination, the same one for the same options."""
    servers = {}

    def serve(app, **options):
        key = (id(app), *sorted(options.items()))
        if key not in servers or not servers[key].thread.is_alive():
            servers[key] = Live(app, **combination, **options)
        return servers[key]

    yield serve
    for server in servers.values():
        assert server.stop() is None


@pytest.fixture(autouse=True)
def every_fault_is_logged():
    """Those of earlier tests do not count."""
    REPEATS.clear()


WATCH = gil.Watch()


@pytest.fixture(autouse=True)
def without_gil():
    """On a free-threaded Python the GIL is off in each test, and after it."""
    WATCH.look()
    yield
    WATCH.look()


def pytest_collection_finish():
    """The garbage collector need not look at thousands of tests again each time it runs."""
    gc.collect()
    gc.freeze()


# Under nohup it is ignored, and so it would be in each server that a test starts.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
