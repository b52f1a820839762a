"""`cimport httpparser`: extensions of another package, built against the installed one."""

import gc
import importlib.util
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import httpparser
from httpparser import HttpParserError, IncompleteMessage, Limits
from httpparser.http2 import ClientSession, Closed, Data, End, Response

pytestmark = pytest.mark.timeout(600)

SOURCE = Path(__file__).parent / "foreign" / "tally.pyx"
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "parser.md"
BUILD = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup
import httpparser
folder = sys.argv.pop()
setup(
    name="foreign",
    ext_modules=cythonize(
        [Extension(name, [f"{name}.pyx"], include_dirs=[httpparser.get_include()],
                   extra_compile_args=["-O0"]) for name in ("tally", "reader", "greeter")],
        include_path=[folder],
        language_level=3,
        compiler_directives={"freethreading_compatible": True},
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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the extensions are: `tally`, and the two examples of the documentation."""
    folder = tmp_path_factory.mktemp("foreign")
    examples = re.findall(r"```cython\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    for name, example in zip(("reader", "greeter"), examples, strict=True):
        (folder / f"{name}.pyx").write_text(example)
    (folder / "tally.pyx").write_text(SOURCE.read_text())
    (folder / "setup.py").write_text(BUILD)
    package = str(Path(httpparser.__file__).parents[1])
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace", package],
        cwd=folder,
        check=True,
    )
    return folder


def load(folder: Path, name: str) -> ModuleType:
    path = folder / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tally(folder: Path) -> ModuleType:
    return load(folder, "tally")


def test_the_documented_example(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reader = load(folder, "reader").Reader()
    assert reader.feed(CHUNKED + GET) == len(CHUNKED)
    assert reader.feed(GET.replace(b"/", b"/a%20b", 1)) == len(GET) + 5
    assert capsys.readouterr().out == "/\n/a b\n"


def test_the_documented_example_of_http2(folder: Path) -> None:
    server = load(folder, "greeter").Greeter()
    client = ClientSession()
    head = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/b")]
    stream = client.request(head, end=False)
    client.send_data(stream, b"not read", end=True)
    events = client.feed(server.feed(client.take()))
    assert events == [
        Response(stream, 200, [(b"content-type", b"text/plain")]),
        Data(stream, b"Hello, /b"),
        End(stream),
        Closed(stream, 0),
    ]


def test_what_it_needs_is_installed() -> None:
    package = Path(httpparser.__file__).parent
    assert (Path(httpparser.get_include()) / "llhttp.h").is_file()
    assert (Path(httpparser.get_include()) / "nghttp2" / "nghttp2.h").is_file()
    for name in ("__init__", "_threads", "http1/_head", "http1/_output", "http1/_parser"):
        assert (package / f"{name}.pxd").is_file()
    for name in (
        "http1/_span",
        "http1/llhttp",
        "http2/__init__",
        "http2/_session",
        "http2/nghttp2",
    ):
        assert (package / f"{name}.pxd").is_file()


def test_a_parser_of_another_package(tally: ModuleType) -> None:
    parser = tally.Tally()
    data = GET * 3 + CHUNKED
    assert parser.feed(data[:50]) == 50
    assert parser.feed(data[50:]) == len(data) - 50
    assert (parser.heads, parser.header_count, parser.ends) == (4, 8, 4)
    assert (parser.body, parser.chunks, parser.trailers) == (5, 2, 2)


def test_no_python_call_per_header(tally: ModuleType) -> None:
    calls: list[tuple[str, Any]] = []
    parser = tally.Tally()
    data = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 99 + b"\r\n"
    gc.disable()  # the callbacks of weak references are calls too
    sys.setprofile(lambda frame, event, argument: calls.append((event, argument)))
    try:
        parser.feed(data)
    finally:
        sys.setprofile(None)
        gc.enable()
    assert parser.header_count == 100
    assert len(calls) <= 3, calls  # feed() perhaps, and setprofile()


def test_a_parser_that_pauses(tally: ModuleType) -> None:
    parser = tally.Tally()
    parser.pause = True
    assert parser.feed(GET * 2) == len(GET)
    assert parser.ends == 1


def test_a_parser_that_switches_or_wants_no_body(tally: ModuleType) -> None:
    _, no_body, switch = tally.answers()
    for upgrade in (UPGRADE, GET):
        parser = tally.Tally()
        parser.answer = switch
        assert parser.feed(upgrade + b"rest") == len(upgrade)
        assert parser.feed(b"rest") == 0
        assert parser.ends == 1
        parser.end()
    length = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
    for head in (length + b"\r\n", length + b"Connection: upgrade\r\nUpgrade: b\r\n\r\n"):
        parser = tally.Tally()
        parser.answer = no_body
        assert parser.feed(head + GET) == len(head + GET)
        assert (parser.heads, parser.ends, parser.body) == (2, 2, 0)


def test_a_held_head(tally: ModuleType) -> None:
    for answer in tally.answers():
        parser = tally.Tally()
        parser.hold = True
        assert parser.feed(UPGRADE + GET) == len(UPGRADE)
        assert parser.feed(GET) == 0
        parser.decide_on(answer)
        switched = answer == tally.answers()[2]
        assert parser.feed(GET) == (0 if switched else len(GET))
        assert (parser.heads, parser.ends) == ((1, 1) if switched else (2, 2))
    with pytest.raises(RuntimeError, match="decision"):
        parser.decide_on(0)
    parser = tally.Tally()
    parser.hold = True
    parser.feed(UPGRADE)
    with pytest.raises(IncompleteMessage):
        parser.end()


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyboardInterrupt(), HttpParserError("y", code="Z")]
)
def test_a_parser_that_raises(tally: ModuleType, error: BaseException) -> None:
    parser = tally.Tally()
    parser.raises = error
    with pytest.raises(type(error)) as caught:
        parser.feed(GET)
    assert caught.value is error
    for call in (lambda: parser.feed(GET), parser.end):
        with pytest.raises(HttpParserError) as again:
            call()
        assert again.value is not error
        assert again.value.code == ("Z" if isinstance(error, HttpParserError) else "HPE_USER")
    parser.raises = None
    parser.restart()
    assert parser.feed(GET) == len(GET)


def test_limits_and_responses(tally: ModuleType) -> None:
    parser = tally.Tally(True, Limits(count=1))
    parser.feed(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello")
    parser.end()
    assert (parser.heads, parser.header_count, parser.body, parser.ends) == (1, 1, 5, 1)
    with pytest.raises(HttpParserError):
        tally.Tally(True, Limits(count=1)).feed(b"HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n")


def test_a_parser_that_overrides_nothing(tally: ModuleType) -> None:
    assert tally.ignore(CHUNKED + GET) == len(CHUNKED + GET)


def test_a_parser_without_setup(tally: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="set up"):
        tally.without_setup(GET)
    with pytest.raises(TypeError, match="limits"):
        tally.without_limits()


def test_writing(tally: ModuleType) -> None:
    assert tally.write(204, b"A", b"b", 1_234_567_890) == (
        b"HTTP/1.1 204 No Content\r\nA: b\r\nContent-Length: 1234567890\r\n\r\n"
    )
    assert tally.write(299, b"A", b"", 0) == b"HTTP/1.1 299 \r\nA: \r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", (False, -1, False, False)),
        (b"0", (True, 0, False, False)),
        (b"9223372036854775799", (True, 2**63 - 9, False, False)),
        (b"9223372036854775808", (True, -1, False, False)),
        (b"1a", (True, -1, False, False)),
        (b"-1", (True, -1, False, False)),
        (b"+1", (True, -1, False, False)),
        (b"Close", (True, -1, True, True)),
        (b"upgrade ,\tclose", (False, -1, True, False)),
        (b"closed", (True, -1, False, False)),
        (b"a\xff", (False, -1, False, False)),
    ],
)
def test_the_rules_that_are_shared(
    tally: ModuleType, value: bytes, expected: tuple[bool, int, bool, bool]
) -> None:
    assert tally.shared_rules(value) == expected
