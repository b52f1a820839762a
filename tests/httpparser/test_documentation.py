"""docs/parser.md names everything that a caller may meet."""

import inspect
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import httpparser
from httpparser import HttpParserError, Leniency, Limits, http2

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "parser.md").read_text()
SOURCES = [*(ROOT / "httpparser").rglob("*.pyx"), *(ROOT / "httpparser").rglob("*.py")]
ERRORS = [
    found
    for name in httpparser.__all__
    if inspect.isclass(found := getattr(httpparser, name)) and issubclass(found, HttpParserError)
]
LIMITS = re.findall(r"(\w+)=", repr(Limits()))
CODES = {
    f"LIMIT_{name.upper()}" for name in LIMITS
} | {
    code for path in SOURCES for code in re.findall(r'code="([A-Z_0-9]+)"', path.read_text())
    if not code.startswith("HPE_")
}  # fmt: skip


@pytest.mark.parametrize("name", httpparser.__all__)
def test_every_export(name: str) -> None:
    assert name.startswith("__") or re.search(rf"\b{name}\b", PAGE)


@pytest.mark.parametrize("name", http2.__all__)
def test_every_export_of_http2(name: str) -> None:
    assert f"`{name}`" in PAGE or f"`{name}(" in PAGE


@pytest.mark.parametrize("session", [http2.ServerSession, http2.ClientSession])
def test_every_method_of_a_session(session: type) -> None:
    methods = [name for name in dir(session) if not name.startswith("_") and name != "streams"]
    assert [name for name in methods if not re.search(rf"`{name}[(`]", PAGE)] == []


def parameters(signature: str) -> dict[str, str]:
    """Those with a default."""
    return dict(re.findall(r"(\w+)(?:: [^=,()]+)? ?= ?(\w+)", signature))


@pytest.mark.parametrize("name", ["ServerSession", "ClientSession"])
def test_every_parameter_of_a_session(name: str) -> None:
    stub = (ROOT / "httpparser" / "http2" / "_events.pyi").read_text()
    shown = re.search(rf"`{name}\((limits=[^`]*)\)`", PAGE)
    typed = re.search(rf"class {name}\(.*?__init__\((.*?)\) -> None", stub, re.DOTALL)
    assert shown is not None
    assert typed is not None
    assert parameters(shown[1]) == parameters(typed[1])


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_with_its_status(error: type[HttpParserError]) -> None:
    rows = [row for row in PAGE.splitlines() if f"`{error.__name__}`" in row]
    assert any(f"| {error.status} |" in row for row in rows)


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code(code: str) -> None:
    assert f"`{code}`" in PAGE


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_with_its_default(name: str) -> None:
    (row,) = re.findall(
        rf"^\| `{name}`.*\| (\w+) \| `\w+` \| `LIMIT_{name.upper()}`", PAGE, re.MULTILINE
    )
    default = re.search(rf"\b{name}=(\d+)", repr(Limits()))
    assert default is not None
    assert row == (default[1] if default[1] != "0" else "none")


@pytest.mark.parametrize("flag", list(Leniency))
def test_every_leniency_with_its_danger(flag: Leniency) -> None:
    assert re.search(rf"^\| `{flag.name}` \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)


EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
HTTP2_EXAMPLES = [example for example in EXAMPLES if "httpparser.http2" in example]


def test_the_typed_loop_passes_mypy(tmp_path: Path) -> None:
    loop = EXAMPLES[0]
    given = "from typing_extensions import assert_type\nimport httpparser\ndata = b''\n"
    checked = loop.replace("print(event.method", "assert_type(event, httpparser.RequestHead)\n" + 12 * " " + "print(event.method")  # fmt: skip
    assert checked != loop
    check_types(tmp_path, given + checked)


def test_the_examples_of_http2_pass_mypy(tmp_path: Path) -> None:
    check_types(tmp_path, "\n".join(HTTP2_EXAMPLES))


def test_the_examples_of_http2_talk_to_each_other() -> None:
    names: dict[str, Any] = {}
    for example in HTTP2_EXAMPLES:
        exec(example, names)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = threading.Thread(target=names["serve"], args=[theirs])
        server.start()
        try:
            assert names["fetch"](ours, b"example.org", b"/a?b") == b"You asked for /a.\n"
        finally:
            ours.shutdown(socket.SHUT_WR)
            server.join()


def test_the_server_of_the_examples_outlives_a_reset() -> None:
    names: dict[str, Any] = {}
    for example in HTTP2_EXAMPLES:
        exec(example, names)
    head = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/")]
    client = http2.ClientSession()
    reset = client.request(head)
    data = client.take()
    client.reset(reset)
    data += client.take()
    stream = client.request(head)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = threading.Thread(target=names["serve"], args=[theirs])
        server.start()
        ours.sendall(data + client.take())
        events: list[http2.Event] = []
        while http2.Closed(stream, 0) not in events:
            received = ours.recv(65536)
            assert received, events
            events += client.feed(received)
        ours.shutdown(socket.SHUT_WR)
        server.join()
    assert http2.Data(stream, b"You asked for /.\n") in events


def check_types(folder: Path, text: str) -> None:
    program = folder / "example.py"
    program.write_text(text)
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={folder}", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
