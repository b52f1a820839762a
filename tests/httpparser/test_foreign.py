"""`cimport httpparser`: an extension of another package, built against the installed one."""

import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import httpparser
from httpparser import HttpParserError, IncompleteMessage, Limits

pytestmark = pytest.mark.timeout(600)

SOURCE = Path(__file__).parent / "foreign" / "tally.pyx"
BUILD = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup
import httpparser
folder = sys.argv.pop()
setup(
    name="tally",
    ext_modules=cythonize(
        [Extension("tally", ["tally.pyx"], include_dirs=[httpparser.get_include()],
                   extra_compile_args=["-O0"])],
        include_path=[folder],
    ),
)
"""
GET = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\n\r\n"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;a\r\nhello\r\n0\r\nB: c\r\nD: e\r\n\r\n"
)
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: b\r\n\r\n"


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "tally.pyx").write_text(SOURCE.read_text())
    (folder / "setup.py").write_text(BUILD)
    package = str(Path(httpparser.__file__).parents[1])
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace", package],
        cwd=folder,
        check=True,
    )
    path = folder / f"tally{sysconfig.get_config_var('EXT_SUFFIX')}"
    spec = importlib.util.spec_from_file_location("tally", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_it_needs_is_installed() -> None:
    package = Path(httpparser.__file__).parent
    assert (Path(httpparser.get_include()) / "llhttp.h").is_file()
    for name in ("__init__", "_core", "_fields", "_head", "_limits", "_message", "_sink", "llhttp"):
        assert (package / f"{name}.pxd").is_file()


def test_a_sink_of_another_package(tally: ModuleType) -> None:
    sink = tally.Tally()
    data = GET * 3 + CHUNKED
    assert sink.feed(data[:50]) == 50
    assert sink.feed(data[50:]) == len(data) - 50
    assert (sink.heads, sink.fields, sink.ends) == (4, 8, 4)
    assert (sink.body, sink.chunks, sink.trailers) == (5, 2, 2)


def test_no_python_call_per_header(tally: ModuleType) -> None:
    calls: list[tuple[str, Any]] = []
    sink = tally.Tally()
    data = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 99 + b"\r\n"
    sys.setprofile(lambda frame, event, argument: calls.append((event, argument)))
    try:
        sink.feed(data)
    finally:
        sys.setprofile(None)
    assert sink.fields == 100
    assert len(calls) <= 3, calls  # feed() perhaps, and setprofile()


def test_a_sink_that_pauses(tally: ModuleType) -> None:
    sink = tally.Tally()
    sink.pause = True
    assert sink.feed(GET * 2) == len(GET)
    assert sink.ends == 1


def test_a_sink_that_switches_or_wants_no_body(tally: ModuleType) -> None:
    _, no_body, switch = tally.switching()
    for upgrade in (UPGRADE, GET):
        sink = tally.Tally()
        sink.answer = switch
        assert sink.feed(upgrade + b"rest") == len(upgrade)
        assert sink.feed(b"rest") == 0
        assert sink.ends == 1
        sink.end()
    length = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
    for head in (length + b"\r\n", length + b"Connection: upgrade\r\nUpgrade: b\r\n\r\n"):
        sink = tally.Tally()
        sink.answer = no_body
        assert sink.feed(head + GET) == len(head + GET)
        assert (sink.heads, sink.ends, sink.body) == (2, 2, 0)


def test_a_held_head(tally: ModuleType) -> None:
    for answer in tally.switching():
        sink = tally.Tally()
        sink.hold()
        assert sink.feed(UPGRADE + GET) == len(UPGRADE)
        assert sink.feed(GET) == 0
        sink.go_on(answer)
        switched = answer == tally.switching()[2]
        assert sink.feed(GET) == (0 if switched else len(GET))
        assert (sink.heads, sink.ends) == ((1, 1) if switched else (2, 2))
    with pytest.raises(RuntimeError, match="decision"):
        sink.go_on(0)
    sink = tally.Tally()
    sink.hold()
    sink.feed(UPGRADE)
    with pytest.raises(IncompleteMessage):
        sink.end()


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyboardInterrupt(), HttpParserError("y", code="Z")]
)
def test_a_sink_that_raises(tally: ModuleType, error: BaseException) -> None:
    sink = tally.Tally()
    sink.error = error
    with pytest.raises(type(error)) as caught:
        sink.feed(GET)
    assert caught.value is error
    for call in (lambda: sink.feed(GET), sink.end):
        with pytest.raises(HttpParserError) as again:
            call()
        assert again.value is not error
        assert again.value.code == ("Z" if isinstance(error, HttpParserError) else "HPE_USER")
    sink.error = None
    sink.restart()
    assert sink.feed(GET) == len(GET)


def test_a_sink_that_lets_go_of_its_parser(tally: ModuleType) -> None:
    sink = tally.Tally()
    sink.forget = True
    assert sink.feed(GET * 2) == len(GET * 2)
    assert sink.heads == 2


def test_a_sink_that_calls_its_parser(tally: ModuleType) -> None:
    sink = tally.Tally()
    sink.reenter = True
    with pytest.raises(RuntimeError, match="parsing already"):
        sink.feed(GET)


def test_limits_and_responses(tally: ModuleType) -> None:
    sink = tally.Tally(True, Limits(count=1))
    sink.feed(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello")
    sink.end()
    assert (sink.heads, sink.fields, sink.body, sink.ends) == (1, 1, 5, 1)
    with pytest.raises(HttpParserError):
        tally.Tally(True, Limits(count=1)).feed(b"HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n")


def test_a_parser_without_a_sink_or_setup(tally: ModuleType) -> None:
    assert tally.ignore(CHUNKED + GET) == len(CHUNKED + GET)
    with pytest.raises(RuntimeError, match="set up"):
        tally.without_setup(GET)
    with pytest.raises(TypeError, match="sink"):
        tally.without_sink()
