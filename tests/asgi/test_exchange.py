"""An exchange on a carrier that is not HTTP: what a new protocol has to implement, and no more."""

import asyncio
import enum
import importlib.util
import logging
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from dicts import SHAPES

import fastserve
import httpparser
from fastserve import Config
from fastserve.asgi import Service
from httpparser import RequestHead

pytestmark = pytest.mark.timeout(600)

SOURCE = Path(__file__).parent / "fake_channel.pyx"
BUILD = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup
import httpparser
folders = [sys.argv.pop(), sys.argv.pop()]
setup(
    name="fake_channel",
    ext_modules=cythonize(
        [Extension("fake_channel", ["fake_channel.pyx"], include_dirs=[httpparser.get_include()],
                   extra_compile_args=["-O0"])],
        include_path=folders,
        compiler_directives={"freethreading_compatible": True},
    ),
)
"""
START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"hi"}
STEP, FINISHED, TAKEN = ("end of step",), ("finished",), ("taken",)


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    folder = tmp_path_factory.mktemp("fake")
    (folder / "fake_channel.pyx").write_text(SOURCE.read_text())
    (folder / "setup.py").write_text(BUILD)
    packages = [str(Path(package.__file__).parents[1]) for package in (httpparser, fastserve)]
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace", *packages],
        cwd=folder,
        check=True,
    )
    path = folder / f"fake_channel{sysconfig.get_config_var('EXT_SUFFIX')}"
    spec = importlib.util.spec_from_file_location("fake_channel", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def head(method: str = "GET", *fields: tuple[bytes, bytes]) -> RequestHead:
    return RequestHead(method, b"/a?b", "1.1", [(b"host", b"h"), *fields])


Play = Callable[[Callable[..., Any]], Coroutine[Any, Any, None]]


@pytest.fixture
def play(
    fake: ModuleType,
) -> Callable[[Any, Callable[[Any], Coroutine[Any, Any, None]]], list[Any]]:
    """Run an app and what the client does; what the exchange asked of its channel."""

    def run(app: Any, client: Any, **options: Any) -> list[Any]:
        async def main() -> list[Any]:
            loop = asyncio.get_running_loop()
            service = Service(app, Config("a:b", **options), loop, lambda service: None)
            channel = fake.FakeChannel(service)
            await client(channel)
            for _ in range(6):
                await asyncio.sleep(0)
            service.stop()
            await asyncio.sleep(0)
            return list(channel.notes)

        return asyncio.run(main())

    return run


async def arrive(channel: Any, request: RequestHead | None = None, *body: Any) -> None:
    """From the loop, as what arrives does, and until the app waits."""
    loop = asyncio.get_running_loop()
    loop.call_soon(channel.request, request or head())
    if body:
        loop.call_soon(channel.body, *body)
    for _ in range(4):
        await asyncio.sleep(0)


async def get(channel: Any) -> None:
    await arrive(channel)


def test_a_request_and_its_response(play: Any) -> None:
    scopes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        assert await receive() == {"type": "http.request", "body": b"", "more_body": False}
        await send(START)
        await send(BODY)
        assert await receive() == {"type": "http.disconnect"}

    async def client(channel: Any) -> None:
        await arrive(channel, head(), b"", False)

    assert play(app, client)[-5:] == [
        STEP,
        ("head", 200, {}, True),
        ("body", b"hi", False),
        FINISHED,
        STEP,
    ]
    (scope,) = scopes
    assert (scope["scheme"], scope["server"], scope["client"]) == (
        "fake",
        ("here", 1),
        ("there", 2),
    )
    assert (scope["method"], scope["path"], scope["query_string"]) == ("GET", "/a", b"b")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_message_is_any_mapping(play: Any, shape: str) -> None:
    make = SHAPES[shape]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(make({**START, "headers": [(b"a", b"b")], "trailers": False}.items()))
        await send(make({**BODY, "more_body": True}.items()))
        await send(make([("type", "http.response.body"), ("more_body", False)]))

    assert play(app, get) == [
        ("head", 200, {b"a": b"b"}, True),
        ("body", b"hi", True),
        ("body", b"", False),
        FINISHED,
        STEP,
    ]


@pytest.mark.parametrize(
    ("method", "status", "content"),
    [("GET", 200, True), ("HEAD", 200, False), ("GET", 204, False), ("GET", 205, False),
     ("GET", 304, False)],
)  # fmt: skip
def test_whether_there_is_content_is_said_with_the_head(
    play: Any, method: str, status: int, content: bool
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "status": status})
        await send(BODY)

    async def client(channel: Any) -> None:
        await arrive(channel, head(method))

    assert play(app, client)[0] == ("head", status, {}, content)


def test_the_body_is_taken_piece_by_piece(play: Any) -> None:
    bodies = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            bodies.append(message["body"])
            more = message["more_body"]
        await send(START)
        await send(BODY)

    async def client(channel: Any) -> None:
        await arrive(channel, head("POST", (b"expect", b"100-continue")))
        assert channel.notes == [("continue",), TAKEN, STEP]
        channel.body(b"a")
        channel.body(b"b")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        channel.body(b"c", more=False)

    notes = play(app, client)
    assert bodies == [b"ab", b"c"]
    assert notes[-4:] == [("head", 200, {}, True), ("body", b"hi", False), FINISHED, STEP]


def test_send_waits_for_the_client(play: Any) -> None:
    sent = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send({**BODY, "more_body": True})
        sent.append(1)
        await send(BODY)

    async def client(channel: Any) -> None:
        channel.full = True
        await arrive(channel)
        assert sent == []
        channel.read()

    assert play(app, client)[-3:] == [("body", b"hi", False), FINISHED, STEP]
    assert sent == [1]


@pytest.mark.parametrize(
    ("sends", "answer"),
    [
        ([], [("answer", 500), FINISHED]),
        ([START], [("drop head",), ("answer", 500), FINISHED]),
        ([START, {**BODY, "more_body": True}], [("cut",)]),
        ([START, BODY], []),
    ],
)
def test_an_app_that_fails(
    play: Any, sends: list[Any], answer: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in sends:
            await send(message)
        raise ValueError

    notes = play(app, get)
    assert notes[notes.index(STEP) + 1 :] == answer
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


class Kind(enum.StrEnum):
    START = START["type"]
    BODY = BODY["type"]
    OTHER = "http.response.other"


def test_a_type_may_be_of_a_subclass_of_str(play: Any) -> None:
    errors = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for kind in (Kind.OTHER, 5, b"http.response.start", None):
            try:
                await send({**START, "type": kind})
            except (RuntimeError, TypeError) as error:
                errors.append(str(error))
        await send({**START, "type": Kind.START})
        await send({**BODY, "type": Kind.BODY})

    notes = play(app, get)
    assert errors == [
        "'http.response.other' is not a message of an HTTP response",
        *(f"the type of a message is a str, not {kind}" for kind in ("int", "bytes", "NoneType")),
    ]
    assert ("body", b"hi", False) in notes


def test_the_length_that_the_channel_found_is_kept(play: Any) -> None:
    errors = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "headers": [(b"content-length", b"3")]})
        for body in (b"longer", b"short"[:2]):
            try:
                await send({**BODY, "body": body})
            except RuntimeError as error:
                errors.append(str(error))
        await send({**BODY, "body": b"abc"})

    notes = play(app, get)
    assert len(errors) == 2
    assert [note for note in notes if note[0] == "body"] == [("body", b"abc", False)]


def test_a_client_that_leaves(play: Any) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(await receive())
        try:
            await send(START)
        except OSError as error:
            seen.append(error)

    async def client(channel: Any) -> None:
        await arrive(channel, head("POST", (b"content-length", b"9")))
        channel.leave()

    play(app, client)
    assert seen[0] == {"type": "http.disconnect"}
    assert isinstance(seen[1], OSError)
