"""Which event loop runs."""

import asyncio
from collections.abc import Callable

from .errors import ConfigError


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the loop of the option `loop`; auto is uvloop where it is installed."""
    if name == "asyncio":
        return asyncio.SelectorEventLoop
    try:
        import uvloop
    except ImportError:
        if name == "uvloop":
            raise ConfigError("loop", "uvloop is not installed; pip install uvloop") from None
        return asyncio.SelectorEventLoop
    return uvloop.new_event_loop
