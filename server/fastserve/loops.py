"""Choose the event loop."""

import asyncio
from collections.abc import Callable

from .errors import ConfigError


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """The factory for the option `loop`; auto is uvloop if it is installed. Raises ConfigError."""
    if name == "asyncio":
        return asyncio.SelectorEventLoop
    try:
        import uvloop
    except ImportError:
        if name == "uvloop":
            raise ConfigError("loop", "uvloop is not installed; pip install uvloop") from None
        return asyncio.SelectorEventLoop
    return uvloop.new_event_loop
