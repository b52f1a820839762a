"""Loading an app and calling it; test_cli.py has the errors."""

import asyncio
import functools
import re
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

    assert guess_interface(app, "it") == kind
    asgi3 = adapt(app, kind if interface == "named" else "auto", "it")

    async def call():
        await asgi3({"type": "http"}, None, send)

    asyncio.run(call())
    assert sent == [{"type": "http"}]


def test_wsgi_goes_through_a2wsgi():
    assert guess_interface(wsgi, "it") == "wsgi"
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


class Aiohttp:
    """Is callable, without arguments, as aiohttp.web.Application is."""

    def __call__(self):
        return self


Aiohttp.__module__ = "aiohttp.web_app"


async def without_arguments():
    pass


async def of_a_request(request):
    pass


async def of_two(scope, receive):
    pass


async def generator(scope, receive, send):
    yield


class Three:
    def __init__(self, scope, receive, send):
        pass


class Silent:
    def __call__(self):
        pass


TAKES = "; an ASGI application takes scope, receive and send"
NO_APPS = {
    "aiohttp": (Aiohttp(), "is an aiohttp application, which is not ASGI: use aiohttp.web.run_app"),
    "no arguments": (without_arguments, "without_arguments takes no arguments" + TAKES),
    "one": (of_a_request, "of_a_request takes 1 argument" + TAKES),
    "two": (of_two, "of_two takes 2 arguments" + TAKES),
    "generator": (generator, "generator is an async generator, so it is not an application"),
    "class": (Three, "Three is a class; use an instance of it, or --factory"),
    "object": (Silent(), "takes no arguments" + TAKES),
    "module": (asyncio, "asyncio is a module; name the application in it, as MODULE:ATTRIBUTE"),
    "none": (None, "None is None, so it is not an application"),
    "module by name": ("json:decoder", "json:decoder is a module; name the application in it"),
    "no attribute": ("json", '"json" does not name an application; use MODULE:ATTRIBUTE; json:app'),
    "file": ("web/main.py:app", "a module has no .py and no /: web.main"),
}


@pytest.mark.parametrize(("app", "message"), NO_APPS.values(), ids=NO_APPS)
def test_what_is_no_application_is_told_at_the_start(app, message):
    with pytest.raises(AppError, match=re.escape(message)):
        load(Config(app))


def test_a_function_without_arguments_is_called_as_a_factory(caplog):
    assert load(Config(lambda: function)) is function
    assert "takes no arguments: calling it for the application" in caplog.text
    with pytest.raises(AppError, match="what <lambda> returns is None"):
        load(Config(lambda: None))


def test_the_wrong_interface():
    with pytest.raises(AppError, match="wsgi takes two arguments, as WSGI has it; use --interface"):
        load(Config(wsgi, interface="asgi3"))
    with pytest.raises(AppError, match="function is async, so it is not WSGI; remove --interface"):
        load(Config(function, interface="wsgi"))
