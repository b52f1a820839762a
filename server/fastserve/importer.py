"""Load the application that "module:attribute" names, as ASGI 3."""

import functools
import importlib
import inspect
import os
import sys
from types import TracebackType
from typing import Any, cast

from .config import Config
from .errors import AppError
from .types import ASGIApp, Receive, Scope, Send


def load(config: Config) -> ASGIApp:
    """Import the app, call its factory and wrap what is not ASGI 3. Raises AppError."""
    app: Any = config.app
    name = app if isinstance(app, str) else repr(app)
    if isinstance(app, str):
        app = import_app(app, config.app_dir)
    if config.factory:
        app = call_factory(app, name)
    if not callable(app):
        kind = type(app).__name__
        raise AppError(f"{name} is not callable (its type is {kind}), so it is not an application")
    return adapt(app, config.interface)


def import_app(target: str, app_dir: str) -> object:
    """The object that "module:attribute[.attribute]" names. Raises AppError."""
    module_name, colon, path = target.partition(":")
    if not (module_name and colon and path):
        raise AppError(f'"{target}" does not name an application; use MODULE:ATTRIBUTE')
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
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise AppError(f'no module named "{name}" in {folder} or on sys.path') from None
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


def adapt(app: Any, interface: str) -> ASGIApp:
    """Wrap an app of this interface as ASGI 3."""
    kind = guess_interface(app) if interface == "auto" else interface
    if kind == "wsgi":
        return adapt_wsgi(app)
    return adapt_asgi2(app) if kind == "asgi2" else cast(ASGIApp, app)


def guess_interface(app: Any) -> str:
    """By the number of arguments: ASGI 3 takes three, WSGI two and ASGI 2 the scope alone."""
    is_plain = inspect.isroutine(app) or inspect.isclass(app) or isinstance(app, functools.partial)
    call = app if is_plain else app.__call__
    try:
        count = count_required(inspect.signature(call))
    except (TypeError, ValueError):
        return "asgi3"
    if count == 0 and inspect.isclass(app):
        raise AppError(f"{app.__name__} is a class; use an instance of it, or --factory")
    if count == 2 and inspect.iscoroutinefunction(call):
        return "asgi3"
    return {1: "asgi2", 2: "wsgi"}.get(count, "asgi3")


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
