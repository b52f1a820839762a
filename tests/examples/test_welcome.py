"""The page of `make serve`, and examples/web as a container starts it."""

import json
import re
import sys
from pathlib import Path

import httpx
import pytest
from serving import WAIT, Command, get
from websockets.sync.client import connect

import fastserve

ROOT = Path(__file__).parents[2]
TLS = ROOT / "tests" / "server" / "tls"


@pytest.fixture(scope="module")
def welcome(serve):
    return serve("examples.welcome:app")


def test_make_serve_serves_it():
    (line,) = re.findall(r"^APP +\?= (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert line == "examples.welcome:app"


def test_the_page_says_how_it_came(welcome):
    page = welcome.client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    (text,) = re.findall(r'<script type="application/json" id="about">(.*?)</script>', page.text)
    about = json.loads(text)
    assert about["fastserve"] == fastserve.__version__
    assert about["python"].endswith(".".join(map(str, sys.version_info[:3])))
    assert about["process"] == welcome.process.pid
    assert (about["protocol"], about["tls"]) == ("HTTP/1.1", None)
    assert about["loop"].startswith("uvloop ")
    assert about["parser"].startswith("llhttp ")


def test_the_page_needs_nothing_from_elsewhere(welcome):
    page = welcome.client.get("/").text
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_other_loops_and_parsers(serve):
    example = serve("examples.welcome:app", "--loop", "asyncio", "--http", "h11")
    about = example.client.get("/about").json()
    assert (about["loop"], about["parser"].split()[0]) == ("asyncio", "h11")


def test_http2_with_tls():
    files = (f"--ssl-certfile={TLS / 'cert.pem'}", f"--ssl-keyfile={TLS / 'key.pem'}")
    with Command("examples.welcome:app", "--port", "0", *files, cwd=ROOT) as command:
        url = f"https://127.0.0.1:{command.port()}/about"
        with httpx.Client(http2=True, verify=False, trust_env=False, timeout=WAIT) as client:
            about = client.get(url).json()
    assert about["protocol"] == "HTTP/2"
    assert about["tls"] == "TLS 1.3"
    assert about["parser"].startswith("nghttp2 ")


def test_hello_and_the_documentation(welcome):
    assert welcome.client.get("/hello").text == "Hello, world!\n"
    documents = welcome.client.get("/about").json()["docs"]
    assert "/docs/options.md" in documents
    assert welcome.client.get("/docs/options.md").text.startswith("# Options\n")
    for path in ("/docs/none.md", "/docs/make_options.py", "/docs/%2e%2e/README.md", "/nothing"):
        assert welcome.client.get(path).status_code == 404


def test_the_live_line(welcome):
    with connect(welcome.url.replace("http", "ws") + "/live", proxy=None) as socket:
        first = json.loads(socket.recv())
        assert first.keys() == {"clock", "up"}
        socket.send("17.5")
        while "pong" not in (message := json.loads(socket.recv())):
            pass
        assert message == {"pong": "17.5"}
        socket.send("x" * 1000)
        while "pong" not in (message := json.loads(socket.recv())):
            pass
        assert message == {"pong": "x" * 64}


def test_the_web_package():
    """The command as containers have it, but for the address."""
    options = ("--host", "127.0.0.1", "--port", "0", "--loop", "uvloop", "--http", "h11")
    with Command("web.main:app", *options, cwd=ROOT / "examples") as command:
        port = command.port()
        status, text = get(port)
        answer = json.loads(text)
        assert (status, answer["loop"], answer["http"]) == (200, "uvloop", "1.1")
        assert answer["pid"] == command.process.pid
        assert get(port, "/healthz") == (200, '{"status": "alive"}\n')
        assert get(port, "/nothing")[0] == 404
