"""What wrk prints, and the requests that are sent."""

import sys

import pytest

from benchmarks.load import LoadError, Wrk, parse_wrk

OUTPUT = """Running 1s test @ http://127.0.0.1:8000
  2000 requests in 1.01s, 300KB read
figures requests=2000 bytes=250000 duration_us=1010000 p50_us=31 p99_us=77 connect=0 read=1 write=0 status=2 \
timeout=0
"""


def test_wrk_figures():
    found = parse_wrk(OUTPUT, 0.5)
    assert (found.requests, found.seconds, found.p50_us, found.p99_us) == (2000, 1.01, 31, 77)
    assert (found.errors, found.client_seconds, found.bytes) == (3, 0.5, 250_000)


def test_wrk_without_figures_says_what_it_printed():
    with pytest.raises(LoadError, match="unable to connect"):
        parse_wrk("unable to connect to 127.0.0.1:1", 0)


def test_the_command_carries_headers_method_and_pipelining():
    load = Wrk("x", "/p", 8, {"A": "b"}, "POST", body=10, pipelined=4)
    command = load.command(8000, 1.6)
    assert command[command.index("wrk") :][:5] == ["wrk", "-t1", "-c8", "-d", "2s"]
    assert "-HA: b" in command
    assert command[-4:] == ["--", "POST", "4", "10"]
    assert "http://127.0.0.1:8000/p" in command


def test_wrk_is_told_to_stop_when_the_time_is_not_whole_seconds(monkeypatch):
    figures = OUTPUT.splitlines()[2]
    script = f"""
import signal, sys
def stop(number, frame): print({figures!r}); sys.exit()
signal.signal(signal.SIGINT, stop)
signal.pause()"""
    command = [sys.executable, "-c", script]
    monkeypatch.setattr(Wrk, "command", lambda *arguments: command)
    with Wrk("x").open(0) as session:
        assert session.run(1.5).requests == 2000


def test_our_own_client_sends_the_same_request():
    assert Wrk("x", "/p", headers={"A": "b"}, method="POST", body=2).request() == (
        b"POST /p HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nA: b\r\nContent-Length: 2\r\n\r\nxx"
    )
