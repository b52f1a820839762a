"""What wrk prints, and the requests that are sent."""

import socket
import sys
import threading

import pytest

from benchmarks.load import LoadError, Messages, Wrk, parse_wrk

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


@pytest.fixture
def fake_wrk(monkeypatch):
    """A session with a program that prints wrk's figures when it is told to stop."""
    figures = OUTPUT.splitlines()[2]
    script = f"""
import signal, sys
def stop(number, frame): print({figures!r}); sys.exit()
signal.signal(signal.SIGINT, stop)
signal.pause()"""
    command = [sys.executable, "-c", script]
    monkeypatch.setattr(Wrk, "command", lambda *arguments: command)
    with Wrk("x").open(0) as session:
        yield session


def test_wrk_is_told_to_stop_after_the_time(fake_wrk):
    assert fake_wrk.run(1.5).requests == 2000


class Counting:
    """A sampler that has seen enough at its fortieth call, by then well after `seconds`."""

    calls = 0

    def __call__(self, pid):
        self.calls += 1
        return self.calls >= 40


def test_wrk_goes_on_until_enough_was_seen(fake_wrk):
    sample = Counting()
    assert fake_wrk.run(0.1, sample, longest=60).requests == 2000
    assert sample.calls >= 40


def test_wrk_does_not_go_on_for_ever(fake_wrk):
    assert fake_wrk.run(0.1, lambda pid: False, longest=1.5).requests == 2000


def echo(server):
    connection, _ = server.accept()
    with connection:
        while data := connection.recv(4096):
            connection.sendall(data)


def test_our_own_client_goes_on_until_enough_was_seen():
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=echo, args=(server,))
        thread.start()
        sample = Counting()
        load = Messages("x", b"ping", reply=4, connections=1)
        with load.open(server.getsockname()[1]) as session:
            found = session.run(0.1, sample, longest=60)
            again = session.run(0.1)
        thread.join()
    assert sample.calls >= 40
    assert found.requests > 0
    assert found.seconds < 60
    assert (found.errors, again.errors) == (0, 0)
    assert again.requests > 0, "it still obeys"


def test_our_own_client_sends_the_same_request():
    assert Wrk("x", "/p", headers={"A": "b"}, method="POST", body=2).request() == (
        b"POST /p HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nA: b\r\nContent-Length: 2\r\n\r\nxx"
    )
