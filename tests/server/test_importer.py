"""Loading an app and calling it; test_cli.py has the errors."""

import asyncio
import functools
import sys

import pytest

from fastserve import AppError, Config
from fastserve.importer import adapt, guess_interface, load


async def function(scope, receive, send):
    await send({"type": scope["type"]})


def plain(scope, receive, send):
    """A plain function that returns an awaitable."""
    return function(scope, receive, send)


class CallableObject:
    async def __call__(self, scope, receive, send):
        await function(scope, receive, send)


class Awaitable:
    """A class whose instances, made per request, are awaited."""

    def __init__(self, scope, receive, send):
        self.arguments = scope, receive, send

    def __await__(self):
        return function(*self.arguments).__await__()


async def with_defaults(scope, receive, send, extra=None):
    await function(scope, receive, send)


async def anything(*args):
    await function(*args)


async def with_setting(setting, scope, receive, send):
    await function(scope, receive, send)


class Methods:
    async def method(self, scope, receive, send):
        await function(scope, receive, send)

    @staticmethod
    async def static(scope, receive, send):
        await function(scope, receive, send)


class Double:
    """ASGI 2: a scope, then the two channels."""

    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await function(self.scope, receive, send)


def double_function(scope):
    return functools.partial(function, scope)


def wsgi(environ, start_response):
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode()]


APPS = {
    "function": (function, "asgi3"),
    "plain": (plain, "asgi3"),
    "object": (CallableObject(), "asgi3"),
    "awaitable class": (Awaitable, "asgi3"),
    "defaults": (with_defaults, "asgi3"),
    "star": (anything, "asgi3"),
    "partial": (functools.partial(with_setting, 1), "asgi3"),
    "method": (Methods().method, "asgi3"),
    "static": (Methods.static, "asgi3"),
    "asgi2 class": (Double, "asgi2"),
    "asgi2 function": (double_function, "asgi2"),
}


@pytest.mark.parametrize("interface", ["auto", "named"])
@pytest.mark.parametrize(("app", "kind"), APPS.values(), ids=APPS)
def test_every_form_of_app_is_called(app, kind, interface):
    sent = []

    async def send(message):
        sent.append(message)

    assert guess_interface(app) == kind
    asgi3 = adapt(app, kind if interface == "named" else "auto")

    async def call():
        await asgi3({"type": "http"}, None, send)

    asyncio.run(call())
    assert sent == [{"type": "http"}]


def test_wsgi_goes_through_a2wsgi():
    assert guess_interface(wsgi) == "wsgi"
    app = load(Config(wsgi))
    assert type(app).__name__ == "WSGIMiddleware"


def test_wsgi_without_a2wsgi(monkeypatch):
    monkeypatch.setitem(sys.modules, "a2wsgi", None)
    with pytest.raises(AppError, match=r"need a2wsgi: pip install 'fastserve-asgi\[wsgi\]'"):
        load(Config(wsgi, interface="wsgi"))


def test_a_class_instead_of_an_instance():
    with pytest.raises(AppError, match="CallableObject is a class; use an instance"):
        load(Config(CallableObject))


def test_an_object_instead_of_a_name():
    assert load(Config(function)) is function


def test_a_deep_attribute(tmp_path, monkeypatch):
    (tmp_path / "deep.py").write_text("class site:\n    async def app(s, r, d): pass\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    app = load(Config("deep:site.app", app_dir=str(tmp_path)))
    assert app.__qualname__ == "site.app"
    assert sys.path[0] == str(tmp_path)
