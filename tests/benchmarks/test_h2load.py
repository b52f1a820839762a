"""HTTP/2 loads: what counts as the right answer, and what h2load's output says."""

import shutil
import subprocess

import pytest

from benchmarks import rounds
from benchmarks.h2load import Http2
from benchmarks.load import LoadError, Outcome
from benchmarks.results import Figure, Row, Table
from benchmarks.sections import http2
from benchmarks.servers import HTTP2, fleet

OUTPUT = """
finished in 20.00ms, 64000.00 req/s, 2.52MB/s
requests: 1280 total, 1280 started, 1280 done, {right} succeeded, 0 failed, 0 errored, 0 timeout
status codes: {right} 2xx, 0 3xx, 0 4xx, {wrong} 5xx
"""


@pytest.fixture
def tools(monkeypatch):
    """nghttp and h2load that print what they are told; returns the commands they had."""
    commands = []
    printed = {"nghttp": b"Hello, world!", "h2load": OUTPUT.format(right=1280, wrong=0).encode()}

    def run(command, **options):
        commands.append(command[3:])
        if printed[command[3]] is None:
            raise subprocess.TimeoutExpired(command, options["timeout"])
        return subprocess.CompletedProcess(command, 0, stdout=printed[command[3]])

    monkeypatch.setattr(subprocess, "run", run)
    return commands, printed


def test_a_right_answer_tells_how_fast_it_goes(tools):
    commands, _ = tools
    assert Http2("x", "/p").checked(8000).rate == 64_000
    url = "http://127.0.0.1:8000/p"
    assert commands == [
        ["nghttp", url],
        ["h2load", "-n", "1280", "-c", "10", "-m", "32", url],
    ]


def test_a_run_is_as_many_requests_as_take_the_time(tools):
    commands, printed = tools
    load = Http2("x", connections=64, streams=1, rate=2000)
    with load.open(8000) as session:
        printed["h2load"] = OUTPUT.format(right=1995, wrong=5).encode()
        assert session.run(1) == Outcome(2000, 0.02, errors=5)
    assert commands[0][1:7] == ["-n", "2000", "-c", "64", "-m", "1"]


def test_a_body_is_sent_from_a_file(tools):
    commands, _ = tools
    Http2("x", "/echo", body=1024).checked(8000)
    assert [command[-3] for command in commands] == ["-d", "-d"]


@pytest.mark.parametrize(
    ("tool", "text", "reason"),
    [
        ("nghttp", b"Hello", "/ answers 5 bytes over HTTP/2"),
        ("nghttp", None, "nghttp had no answer in 60 s"),
        ("h2load", OUTPUT.format(right=1279, wrong=1).encode(), "1 of 1280 requests failed"),
        ("h2load", b"client could not connect to host\n", "h2load: client could not connect"),
        ("h2load", b"", "h2load: it printed nothing"),
    ],
)
def test_a_wrong_answer_is_refused(tools, tool, text, reason):
    tools[1][tool] = text
    with pytest.raises(LoadError, match=reason):
        Http2("x").checked(8000)


def test_without_h2load_the_section_is_one_line(monkeypatch):
    monkeypatch.setattr(http2, "missing_tool", lambda name: f"{name} is not installed")
    found = http2.run(rounds.Plan())
    assert found.tables == []
    assert found.left_out == {
        "the whole section": "h2load is not installed (apt install nghttp2-client)"
    }


def test_the_share_is_of_the_best_other_asgi_server():
    costs = {"granian": 20, "peregrine": 12, "fastserve": 6, "nginx": 3}
    rows = [Row(name, {"cpu_us": Figure(cost, cost, cost)}) for name, cost in costs.items()]
    words = http2.beside_the_best(Table("10 x 32", [*rows, Row("h2corn", note="left out")]))
    assert words == ["10 x 32: fastserve takes 0.50 of the CPU that peregrine takes."]
    assert http2.beside_the_best(Table("10 x 32", rows[:2])) == []


@pytest.mark.skipif(not shutil.which("h2load"), reason="h2load is not installed")
@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_h2load_against_nginx():
    nginx = [each for each in HTTP2 if each.name == "nginx"]
    with fleet(nginx) as (servers, _):
        server = servers["nginx"]
        server.resume()
        load = Http2("x", "/1k", connections=2, streams=4, expect=b"x" * 1024).checked(server.port)
        found = load.run(0)
    assert (found.requests, found.errors) == (32, 0)
    assert found.seconds > 0
