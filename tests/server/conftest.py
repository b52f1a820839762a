"""An event loop for tests that call the server's parts themselves."""

import asyncio
import importlib

import pytest


@pytest.fixture(params=["uvloop", "asyncio"])
def loop(request):
    """It does not run. A test in which a callback fails takes that out of `errors`."""
    made = importlib.import_module(request.param).new_event_loop()
    made.errors = []
    made.set_exception_handler(lambda loop, context: made.errors.append(context))
    yield made
    for _ in range(5):
        made.run_until_complete(asyncio.sleep(0))
    made.close()
    assert made.errors == []
