"""Choose the event loop."""

import asyncio
import importlib.util
import logging
from collections.abc import Callable

from .errors import ConfigError

logger = logging.getLogger("fastserve")


def choose_loop(name: str) -> str:
    """What the option `loop` stands for here: auto is uvloop, where it is installed."""
    if name != "auto":
        return name
    if importlib.util.find_spec("uvloop") is not None:
        return "uvloop"
    logger.info("uvloop is not installed; running on the event loop of asyncio, which is slower")
    return "asyncio"


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """The factory for a loop that was chosen. Raises ConfigError."""
    if name == "asyncio":
        return asyncio.SelectorEventLoop
    try:
        import uvloop
    except ImportError:
        raise ConfigError("loop", "uvloop is not installed; pip install uvloop") from None
    return uvloop.new_event_loop
