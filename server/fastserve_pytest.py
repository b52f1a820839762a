"""The pytest plugin of fastserve: one fixture.

It is a module of its own, for pytest imports its plugins in every run, and the package would take
a tenth of a second of each.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fastserve import RunningServer


@pytest.fixture
def fastserve_server() -> "Iterator[Callable[..., RunningServer]]":
    """`fastserve_server(app, **options)` serves the app until the test ends, on a free port.

    It returns the server, whose `url` and `websocket_url` a client needs.
    """
    from fastserve import running

    with contextlib.ExitStack() as servers:

        def serve(app: Any, **options: Any) -> "RunningServer":
            return servers.enter_context(running(app, **options))

        yield serve
