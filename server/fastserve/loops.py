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
        return for_threads(asyncio.SelectorEventLoop)
    if ":" in name:
        return named_factory(name)
    try:
        import uvloop
    except ImportError:
        raise ConfigError("loop", "uvloop is not installed; pip install uvloop") from None
    return for_threads(uvloop.Loop)


def for_threads(kind: type[asyncio.AbstractEventLoop]) -> type[asyncio.AbstractEventLoop]:
    """The type of loop to use for this one, so that its threads do not wait for each other."""
    from .asgi._current import shows_task

    return shows_task(kind)


def named_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """What MODULE:FUNCTION names. Raises ConfigError."""
    module, _, attribute = name.partition(":")
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = getattr(
            importlib.import_module(module), attribute
        )
    except (ImportError, AttributeError) as error:
        raise ConfigError("loop", f"{name!r} cannot be imported ({error})") from None
    return factory
