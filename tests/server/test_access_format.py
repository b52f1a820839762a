"""What a line of the access log says, in each format."""

import base64
import json
import os
import re
import time

import pytest

from fastserve import Config, ConfigError
from fastserve.access_format import make_format, stamper
from fastserve.asgi._entry import Entry

CLIENT = "127.0.0.1:54321"
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} \[(\d+)\] (.*)\n")
FIELDS = [
    (b"host", b"example.org"),
    (b"user-agent", b"curl/8.0"),
    (b"referer", b'http://a/?"\n'),
    (b"authorization", b"Basic " + base64.b64encode(b"ann:secret")),
    (b"x-request-id", b"42"),
]


def entry(path=b"/", query=b"", **given):
    return Entry(CLIENT, "GET", path, query, **{"length": 12, "elapsed": 1_500_000, **given})


def text(what, **options):
    """The line without the time and the process."""
    pid, rest = STAMP.fullmatch(make_format("text", **options).line(what)).groups()
    assert int(pid) == os.getpid()
    return rest


TARGETS = {
    "plain": (b"/", b"", "/"),
    "query": (b"/a", b"b=c", "/a?b=c"),
    "escaped by the client": (b"/%0A%22", b"", "/%0A%22"),
    "line feed": (b"/\r\nGET / 200", b"", r"/\x0d\x0aGET / 200"),
    "quote": (b'/" 200', b'"', r"/\x22 200?\x22"),
    "backslash": (b"/\\x0a", b"", r"/\x5cx0a"),
    "terminal escape": (b"/\x1b[31m\x7f\x9b", b"", r"/\x1b[31m\x7f\x9b"),
    "utf-8": ("/\u20ac".encode(), b"", r"/\xe2\x82\xac"),
}


@pytest.mark.parametrize(("path", "query", "target"), TARGETS.values(), ids=TARGETS)
def test_a_line_cannot_be_forged(path, query, target):
    made = entry(path, query)
    assert made.target == target
    assert made.request_line == f"GET {target} HTTP/1.1"
    assert text(made) == f'{CLIENT} - "GET {target} HTTP/1.1" 200'
    for form in ("%(r)s", "%(U)s?%(q)s", "%({x}i)s %({x}o)s"):
        fields = [(b"x", path + query)]
        line = make_format(form).line(entry(path, query, headers=fields, response_headers=fields))
        assert line.count("\n") == 1
        assert line[:-1].isascii()
        assert line[:-1].isprintable()


def test_a_websocket():
    accepted = Entry(CLIENT, "WebSocket", b"/ws", status=101, websocket="accepted")
    assert text(accepted) == f'{CLIENT} - "WebSocket /ws HTTP/1.1" 101'
    closed = Entry(CLIENT, "WebSocket", b"/ws", status=1006, elapsed=10**9, websocket="closed")
    line = f'{CLIENT} - "WebSocket /ws HTTP/1.1" closed 1006 after 1.000 s'
    assert text(closed) == line
    assert make_format("%(m)s %(s)s %(T)s").line(closed) == "WebSocket 1006 1\n"
    found = json.loads(make_format("json").line(closed))
    assert (found["websocket"], found["status"], found["ms"]) == ("closed", 1006, 1000)


def test_colours():
    line = f'{CLIENT} - "\x1b[1mGET / HTTP/1.1\x1b[0m" \x1b[32m200\x1b[0m'
    assert text(entry(), colors=True) == line
    closed = Entry(CLIENT, "WebSocket", b"/ws", status=1000, websocket="closed")
    assert "closed 1000 after 0.000 s" in text(closed, colors=True)


def test_a_client_on_a_unix_socket():
    assert text(Entry("", "GET", b"/")) == '- - "GET / HTTP/1.1" 200'
    assert make_format("%(h)s").line(Entry("", "GET", b"/")) == "-\n"


def test_json():
    found = json.loads(make_format("json").line(entry(b'/"\n\xe9', b"q")))
    assert found.pop("time").endswith("Z")
    assert found == {
        "pid": os.getpid(),
        "client": CLIENT,
        "method": "GET",
        "path": '/"\n\xe9',
        "query": "q",
        "version": "1.1",
        "status": 200,
        "length": 12,
        "ms": 1.5,
    }


ATOMS = {
    "h": "127.0.0.1",
    "l": "-",
    "u": "ann",
    "r": "GET /a?b=c HTTP/1.1",
    "m": "GET",
    "U": "/a",
    "q": "b=c",
    "H": "HTTP/1.1",
    "s": "200",
    "B": "12",
    "b": "12",
    "f": r"http://a/?\x22\x0a",
    "a": "curl/8.0",
    "T": "1",
    "D": "1500000",
    "M": "1500",
    "L": "1.500000",
    "p": f"<{os.getpid()}>",
    "{X-Request-Id}i": "42",
    "{missing}i": "-",
    "{Content-Type}o": "text/plain",
    "{missing}o": "-",
    "{REQUEST_METHOD}e": "GET",
    "{REMOTE_ADDR}e": "127.0.0.1",
    "{HTTP_X_REQUEST_ID}e": "42",
    "{FASTSERVE_TEST}e": "pod-1",
    "{FASTSERVE_MISSING}e": "-",
}


@pytest.mark.parametrize("name", ATOMS)
def test_an_atom(name, monkeypatch):
    monkeypatch.setenv("FASTSERVE_TEST", "pod-1")
    made = entry(
        b"/a",
        b"b=c",
        elapsed=1_500_000_000,
        headers=FIELDS,
        response_headers=[(b"Content-Type", b"text/plain")],
    )
    line = make_format(f"<%({name})s>").line
    assert line(made) == f"<{ATOMS[name]}>\n"


def test_the_time_as_apache_writes_it():
    assert re.fullmatch(
        r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]\n",
        make_format("%(t)s").line(entry()),
    )


def test_what_is_unknown_is_a_dash():
    assert make_format("%(u)s %(a)s %({a}i)s %({a}o)s %(b)s").line(entry(length=0)) == "- - - - -\n"


@pytest.mark.parametrize("value", [b"Bearer x", b"Basic !", b"Basic", b"Basic Og=="])
def test_a_user_who_is_none(value):
    assert make_format("%(u)s").line(entry(headers=[(b"authorization", value)])) == "-\n"


WORDS = {
    "100%% {x} %(m)s": "100% {x} GET\n",
    "%(s)6s|%(s)-6s|%(s)d": "   200|200   |200\n",
    "{} {0} %(m)s \"\"\" ''' \\n {__import__}": "{} {0} GET \"\"\" ''' \\n {__import__}\n",
    "\u20ac%(m)s": "\u20acGET\n",
}


@pytest.mark.parametrize("form", WORDS)
def test_everything_else_is_as_it_was_written(form):
    assert make_format(form).line(entry()) == WORDS[form]


def test_a_format_that_looks_like_json_has_its_escapes():
    form = make_format('{"line": "%(r)s", "agent": "%(a)s", "path": "%(U)s"}')
    agent = b'a"b\\c\n\xe9'
    made = entry(b'/"\\\n', headers=[(b"user-agent", agent)])
    found = json.loads(form.line(made))
    assert found["agent"] == agent.decode("latin-1")
    assert found["path"] == '/"\\\n'
    assert found["line"] == r"GET /\x22\x5c\x0a HTTP/1.1"


LONG = {
    "text": "text",
    "json": "json",
    "atoms": "%(r)s %(U)s %(q)s %(a)s %({cookie}i)s %({cookie}o)s %(u)s",
    "JSON of atoms": '{"r": "%(r)s", "c": "%({cookie}i)s"}',
}


@pytest.mark.parametrize("form", LONG.values(), ids=LONG)
def test_a_line_fits_into_one_write(form):
    """Or lines of several workers would mix in a pipe."""
    long = b"\xe9\n" * 4000
    fields = [
        (b"cookie", long),
        (b"user-agent", long),
        (b"authorization", b"Basic " + base64.b64encode(b"a" * 8000)),
    ]
    made = entry(b"/" + long, b"a=" + long, headers=fields, response_headers=fields)
    line = make_format(form).line(made)
    assert len(line.encode()) < 4096
    assert line.count("\n") == 1
    assert "..." in line
    if form[0] == "{" or form == "json":
        json.loads(line)


WRONG = {
    "%(x)s": r"there is no %\(x\)s; the atoms are h l u t r m U q H s B b f a T D M L p ",
    "%(x)s %(m)s %({a}x)s": r"there is no %\(x\)s, %\(\{a\}x\)s;",
    "%h": "there is no %h;",
    "%(h)": r"there is no %\(h\);",
    "%(h": "there is no %",
    "%(request_time)s": r"there is no %\(request_time\)s;",
    "jsn": "'jsn' is neither text, json nor a format such as",
    "": "'' is neither",
}


@pytest.mark.parametrize("form", WRONG)
def test_a_wrong_format_is_an_error_at_the_start(form):
    with pytest.raises(ConfigError, match=f"access_log_format: {WRONG[form]}"):
        Config("a:b", access_log_format=form)


def test_the_time_is_made_once_a_second(monkeypatch):
    made = []
    real = time.strftime
    monkeypatch.setattr(time, "strftime", lambda *args: made.append(args) or real(*args))
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    stamp = stamper("%S", utc=True)
    assert (stamp(), stamp()) == ("40", "40")
    now = 1001.9
    assert stamp() == "41"
    assert len(made) == 2
