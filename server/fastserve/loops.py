"""Choose the event loop."""

import asyncio
import importlib
from collections.abc import Callable

from .errors import ConfigError


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """The factory for the option `loop`; auto is uvloop if it is installed. Raises ConfigError."""
    if name == "asyncio":
        return asyncio.SelectorEventLoop
    if ":" in name:
        return named_factory(name)
    try:
        import uvloop
    except ImportError:
        if name == "uvloop":
            raise ConfigError("loop", "uvloop is not installed; pip install uvloop") from None
        return asyncio.SelectorEventLoop
    return uvloop.new_event_loop


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
