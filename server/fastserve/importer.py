"""Load the application that "module:attribute" names, as ASGI 3."""

import functools
import importlib
import inspect
import logging
import os
import sys
from types import ModuleType, TracebackType
from typing import Any, cast

from .config import Config
from .errors import AppError
from .types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger("fastserve")


def load(config: Config) -> ASGIApp:
    """Import the app, call its factory, wrap what is not ASGI 3; `static` comes in front of it.

    Raises AppError.
    """
    app: Any = config.app
    name = app if isinstance(app, str) else getattr(app, "__name__", repr(app))
    if isinstance(app, str):
        app = import_app(app, config.app_dir)
    if config.factory:
        app = call_factory(app, name)
    if not callable(app):
        raise AppError(not_callable(app, name))
    if is_plain_factory(app, config):
        logger.warning("%s takes no arguments: calling it for the application, as --factory", name)
        app = call_factory(app, name)
        if not callable(app):
            raise AppError(not_callable(app, f"what {name} returns"))
    adapted = adapt(app, config.interface, name)
    if not config.static:
        return adapted
    from .static import StaticFiles  # few programs need it

    return StaticFiles(adapted, config.static, config.static_max_age)


def not_callable(app: object, name: str) -> str:
    if app is None:
        return f"{name} is None, so it is not an application"
    if isinstance(app, ModuleType):
        return f"{name} is a module; name the application in it, as MODULE:ATTRIBUTE"
    kind = type(app).__name__
    return f"{name} is not callable (its type is {kind}), so it is not an application"


def is_plain_factory(app: Any, config: Config) -> bool:
    """A function without arguments: uvicorn calls it for the app, too."""
    if config.factory or config.interface != "auto" or not inspect.isfunction(app):
        return False
    is_async = inspect.iscoroutinefunction(app) or inspect.isasyncgenfunction(app)
    return not is_async and count_required(inspect.signature(app)) == 0


def import_app(target: str, app_dir: str) -> object:
    """The object that "module:attribute[.attribute]" names. Raises AppError."""
    module_name, colon, path = target.partition(":")
    if not (module_name and colon and path):
        hint = f"; {module_name}:app, perhaps" if module_name and not colon else ""
        raise AppError(f'"{target}" does not name an application; use MODULE:ATTRIBUTE{hint}')
    folder = os.path.abspath(app_dir)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    found: object = import_module(module_name, folder)
    for attribute in path.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            raise AppError(f'module "{module_name}" has no attribute "{path}"') from None
    return found


def import_module(name: str, folder: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # The name differs when a module that the app imports is missing.
        stem = name.removesuffix(".py").replace("/", ".")
        hint = f"; a module has no .py and no /: {stem}" if stem != name else ""
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise AppError(f'no module named "{name}" in {folder} or on sys.path{hint}') from None
        raise app_failed(f'importing "{name}" failed', error) from error
    except Exception as error:
        raise app_failed(f'importing "{name}" failed', error) from error


def call_factory(factory: object, name: str) -> object:
    if not callable(factory):
        raise AppError(f"{name} is not callable, so it is not a factory; remove --factory")
    try:
        return factory()
    except Exception as error:
        raise app_failed(f"the factory {name} failed", error) from error


def app_failed(what: str, error: Exception) -> AppError:
    error.with_traceback(own_frames(error.__traceback__))
    return AppError(f"{what}: {type(error).__name__}: {str(error).partition(chr(10))[0]}")


def own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame of the app on; None if there is none."""
    frame = traceback
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        if file not in (__file__, importlib.__file__) and "importlib._bootstrap" not in file:
            return frame
        frame = frame.tb_next
    return None


def adapt(app: Any, interface: str, name: str) -> ASGIApp:
    """Wrap an app of this interface as ASGI 3. Raises AppError for what cannot be one."""
    if interface != "asgi2":
        found = guess_interface(app, name)
        if interface == "asgi3" and found == "wsgi":
            raise AppError(f"{name} takes two arguments, as WSGI has it; use --interface wsgi")
        if interface == "wsgi" and is_async(app):
            raise AppError(f"{name} is async, so it is not WSGI; remove --interface wsgi")
        interface = found if interface == "auto" else interface
    if interface == "wsgi":
        return adapt_wsgi(app)
    return adapt_asgi2(app) if interface == "asgi2" else cast(ASGIApp, app)


def guess_interface(app: Any, name: str) -> str:
    """By the number of arguments: ASGI 3 takes three, WSGI two and ASGI 2 the scope alone."""
    if type(app).__module__.partition(".")[0] == "aiohttp":
        raise AppError(
            f"{name} is an aiohttp application, which is not ASGI: use aiohttp.web.run_app"
        )
    is_class = inspect.isclass(app)
    is_plain = inspect.isroutine(app) or is_class or isinstance(app, functools.partial)
    call = app if is_plain else app.__call__
    if inspect.isasyncgenfunction(call):
        raise AppError(f"{name} is an async generator, so it is not an application")
    try:
        count = count_required(inspect.signature(call))
    except (TypeError, ValueError):
        return "asgi3"
    if is_class and (count == 0 or (count == 3 and not hasattr(app, "__await__"))):
        raise AppError(f"{name} is a class; use an instance of it, or --factory")
    if count == 0 or (is_async(app) and count != 3):
        takes = f"takes {count or 'no'} argument{'s' * (count != 1)}"
        raise AppError(f"{name} {takes}; an ASGI application takes scope, receive and send")
    return {1: "asgi2", 2: "wsgi"}.get(count, "asgi3")


def is_async(app: Any) -> bool:
    """Whether calling it gives a coroutine."""
    if inspect.isclass(app):
        return False
    is_object = not inspect.isroutine(app) and not isinstance(app, functools.partial)
    return inspect.iscoroutinefunction(app.__call__ if is_object else app)


def count_required(signature: inspect.Signature) -> int:
    """Positional parameters that a caller must give; 3 when *args takes any number."""
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return 3
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [item for item in signature.parameters.values() if item.kind in positional]
    if len(parameters) >= 3:
        return 3
    return len([item for item in parameters if item.default is item.empty])


def adapt_asgi2(app: Any) -> ASGIApp:
    async def asgi3(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope)(receive, send)

    return asgi3


def adapt_wsgi(app: Any) -> ASGIApp:
    try:
        from a2wsgi import WSGIMiddleware
    except ImportError:
        raise AppError(
            "WSGI applications need a2wsgi: pip install 'fastserve-asgi[wsgi]'"
        ) from None
    return cast(ASGIApp, WSGIMiddleware(app))
