"""Threads: as many parsers as threads give what one gives, and two threads in one are refused.

Every Python runs these. Without the GIL they run at the same time, and the GIL must not come back.
"""

import gc
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from cases import Outcome, outcome
from gil import FREE_THREADED
from messages import REQUESTS, RESPONSES

import httpparser
from httpparser import (
    Chunk,
    HttpParserError,
    HttpRequestParser,
    RequestParser,
    ResponseParser,
    write_response_head,
)
from httpparser.http2 import ClientSession, Data, End, Request, ServerSession, SessionError

THREADS = 4
ROUNDS = 50
SHARED_ROUNDS = 10000
BROWSER = (
    b"GET /a%%20b?%d HTTP/1.1\r\nHost: example.com\r\nConnection: keep-alive\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: text/html;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-GB\r\nAccept-Encoding: gzip, deflate, br\r\nReferer: /%d\r\n"
    b"X-Own-%d: %d\r\nCookie: id=%d\r\n\r\n"
)
SECONDS = 60  # after which a test has hung


def in_threads(work: Callable[[int], object], count: int = THREADS) -> list[Any]:
    """What `work` gives in each thread; all begin at once. Raises what one of them raises."""
    results: list[Any] = [None] * count
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            start.wait(SECONDS)
            results[number] = work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
            assert not thread.is_alive()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]
    return results


# -- a parser for each thread ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "messages"),
    [(RequestParser, REQUESTS), (ResponseParser, RESPONSES)],
    ids=["requests", "responses"],
)
def test_parsers_in_threads_give_what_one_gives(make: Any, messages: dict[str, bytes]) -> None:
    def play(seed: int) -> list[Outcome]:
        order = random.Random(seed)
        names = order.sample(list(messages), len(messages)) * ROUNDS
        found = []
        for name in names:
            message = messages[name]
            cut = order.randrange(len(message))
            found.append(outcome(make(), [message[:cut], message[cut:]], eof=True))
        return found

    for seed, found in enumerate(in_threads(play)):
        assert found == play(seed)


def test_callbacks_in_threads_are_those_of_one() -> None:
    class Recorder:
        def __init__(self) -> None:
            self.events: list[Any] = []

        def on_url(self, url: bytes) -> None:
            self.events.append(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self.events.append((name, value))

    def play(number: int) -> list[Any]:
        recorder = Recorder()
        parser = HttpRequestParser(recorder)
        for turn in range(ROUNDS * 8):
            # Names of one length and the same ends meet in the table of spelled names.
            middle = b"%c" % (97 + (turn + number) % 26)
            parser.feed_data(b"GET /%d HTTP/1.1\r\nX-%s-Y: %d\r\n\r\n" % (number, middle, turn))
        return recorder.events

    for number, events in enumerate(in_threads(play)):
        assert events == play(number)


def test_the_cache_of_fields_under_threads() -> None:
    """Values that all threads send, and more than the cache holds."""

    def play(number: int) -> int:
        parser = RequestParser()
        for turn in range(ROUNDS * 60):
            same, own = turn // 3 % 50, turn * THREADS + number
            (head, _) = parser.feed(BROWSER % (same, same, same, own, own))
            assert head.path == "/a b"
            assert head.query == b"%d" % same
            assert head.headers[0] == (b"host", b"example.com")
            assert head.headers[-3:] == [
                (b"referer", b"/%d" % same),
                (b"x-own-%d" % same, b"%d" % own),
                (b"cookie", b"id=%d" % own),
            ]
            if turn % 3 == 2:  # it has come a third time
                (again, _) = parser.feed(BROWSER % (same, same, same, own, own))
                assert again.headers[2] is head.headers[2]
        return turn

    assert in_threads(play) == [ROUNDS * 60 - 1] * THREADS


def test_what_a_thread_has_parsed_outlives_it() -> None:
    def play(number: int) -> list[Any]:
        parser = RequestParser()
        heads = [parser.feed(BROWSER % (1, 1, 1, 1, 1))[0] for _ in range(4)]
        HttpRequestParser(object()).feed_data(BROWSER % (1, 1, 1, 1, 1))
        return heads[-1].headers

    expected = play(0)
    for _ in range(20):  # each thread's cache is freed with it
        for headers in in_threads(play, 8):
            assert headers == expected
    gc.collect()
    assert play(0) == expected


def test_response_heads_in_threads() -> None:
    def play(number: int) -> list[bytes]:
        return [
            write_response_head(status, [(b"server", b"a")])
            for _ in range(ROUNDS // 10)
            for status in range(100, 1000)
        ]

    alone = play(0)
    assert alone[200] == b"HTTP/1.1 300 Multiple Choices\r\nserver: a\r\n\r\n"
    assert alone[199] == b"HTTP/1.1 299 \r\nserver: a\r\n\r\n"
    assert in_threads(play) == [alone] * THREADS


def test_sessions_in_threads() -> None:
    def play(number: int) -> list[Any]:
        client, server = ClientSession(), ServerSession()
        seen: list[Any] = []
        for turn in range(ROUNDS * 4):
            stream = client.request(
                [
                    (b":method", b"GET"),
                    (b":scheme", b"http"),
                    (b":authority", b"a"),
                    (b":path", b"/%d" % turn),
                    (b"accept", b"text/html"),
                    (b"x-own", b"%d" % turn),
                ]
            )
            events = server.feed(client.take())
            (request,) = [event for event in events if isinstance(event, Request)]
            server.respond(stream, 200, [(b"content-type", b"text/plain")])
            server.send_data(stream, b"hello %d" % turn, end=True)
            seen.append((request.head.path, request.head.headers, client.feed(server.take())))
        return seen

    alone = play(0)
    assert alone[1][0] == "/1"
    assert Data(3, b"hello 1") in alone[1][2]
    assert End(3) in alone[1][2]
    assert in_threads(play) == [alone] * THREADS


# -- one parser in two threads ---------------------------------------------------------------------


class Pause:
    """Stands for a function that a parser calls: holds it there until `go` is set."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.inside, self.go = threading.Event(), threading.Event()

    def __call__(self, *args: Any) -> Any:
        self.inside.set()
        assert self.go.wait(SECONDS)
        return self.function(*args)


def test_a_parser_that_another_thread_is_in_refuses_every_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module: Any = httpparser.http1._head
    pause = Pause(module.unquote_to_bytes)
    monkeypatch.setattr(module, "unquote_to_bytes", pause)
    parser = RequestParser()
    events: list[object] = []
    message = b"GET /%20 HTTP/1.1\r\nHost: a\r\n\r\n"
    thread = threading.Thread(target=lambda: events.extend(parser.feed(message)))
    thread.start()
    assert pause.inside.wait(SECONDS)
    for call in (
        lambda: parser.feed(b"a"),
        lambda: parser.feed_eof(),
        lambda: parser.resume(),
        lambda: parser.reset(),
        lambda: parser.switch(),
        lambda: parser.leftover,
        lambda: parser.__init__(),  # type: ignore[misc]
    ):
        with pytest.raises(RuntimeError, match="each thread"):
            call()
    pause.go.set()
    thread.join(SECONDS)
    assert len(events) == 2
    assert len(parser.feed(message)) == 2


def test_a_session_that_another_thread_is_in_refuses_every_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module: Any = httpparser.http2._events
    pause = Pause(module.Request)
    monkeypatch.setattr(module, "Request", pause)
    client, server = ClientSession(), ServerSession()
    head = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/")]
    stream = client.request(head)
    data = client.take()
    events: list[object] = []
    thread = threading.Thread(target=lambda: events.extend(server.feed(data)))
    thread.start()
    assert pause.inside.wait(SECONDS)
    for call in (
        lambda: server.feed(b"a"),
        lambda: server.take(),
        lambda: server.over,
        lambda: server.respond(stream, 200),
        lambda: server.inform(stream, 103),
        lambda: server.send_data(stream, b"a"),
        lambda: server.send_trailers(stream, []),
        lambda: server.unsent(stream),
        lambda: server.consume(stream, 1),
        lambda: server.reset(stream),
        lambda: server.send_ping(),
        lambda: server.begin_shutdown(),
        lambda: server.finish_shutdown(),
        lambda: server.end(),
        lambda: server.lose(),
    ):
        with pytest.raises(SessionError, match="each thread") as caught:
            call()
        assert caught.value.code == "IN_USE"
    pause.go.set()
    thread.join(SECONDS)
    assert len(events) == 2
    server.respond(stream, 204, end=True)
    assert len(client.feed(server.take())) == 3


def test_a_shared_parser_gives_whole_events_or_refuses() -> None:
    parser = RequestParser(chunk_extensions=True)
    message = REQUESTS["chunked, trailers"]
    expected = outcome(RequestParser(chunk_extensions=True), [message])
    refused: list[RuntimeError] = []

    def play(number: int) -> int:
        parsed = 0
        for _ in range(SHARED_ROUNDS):
            try:
                events = parser.feed(message)
            except RuntimeError as error:
                refused.append(error)
            else:
                assert [type(event) for event in events].count(Chunk) == 2
                parsed += 1
        return parsed

    parsed = in_threads(play)
    assert sum(parsed) + len(refused) == THREADS * SHARED_ROUNDS
    assert sum(parsed) > 0
    assert outcome(parser, [message]) == expected


def test_a_shared_parser_survives_every_call_at_once() -> None:
    requests, responses = RequestParser(hold=True, pause=True), ResponseParser()
    callbacks = HttpRequestParser(object())
    calls: list[Callable[[], object]] = [
        lambda: requests.feed(REQUESTS["pipelined"]),
        lambda: requests.feed(REQUESTS["websocket"]),
        lambda: requests.feed(REQUESTS["nul in a value"]),
        lambda: requests.resume(),
        lambda: requests.switch(),
        lambda: requests.reset(),
        lambda: requests.leftover,
        lambda: (requests.held, requests.paused, requests.switched),
        lambda: requests.__init__(),  # type: ignore[misc]
        lambda: responses.feed(RESPONSES["chunked"]),
        lambda: setattr(responses, "method", "".join(["HE", "AD"])),
        lambda: responses.method,
        lambda: responses.reset(),
        lambda: callbacks.feed_data(REQUESTS["many fields"]),
        lambda: callbacks.feed_data(b"\0"),
        lambda: callbacks.__init__(object()),  # type: ignore[misc]
    ]

    def play(number: int) -> None:
        order = random.Random(number)
        for _ in range(SHARED_ROUNDS):
            with suppress(RuntimeError, HttpParserError):
                order.choice(calls)()

    in_threads(play)


def test_a_shared_session_survives_every_call_at_once() -> None:
    client, server = ClientSession(), ServerSession()
    head = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/")]
    calls: list[Callable[[], object]] = [
        lambda: server.feed(client.take()),
        lambda: client.feed(server.take()),
        lambda: client.request(head, end=False),
        lambda: client.send_data(1, b"a" * 100),
        lambda: server.respond(1, 200),
        lambda: server.send_data(1, b"a" * 100),
        lambda: server.consume(1, 10),
        lambda: server.send_ping(),
        lambda: (client.over, client.reason, server.unsent(1)),
    ]

    def play(number: int) -> None:
        order = random.Random(number)
        for _ in range(SHARED_ROUNDS):
            with suppress(SessionError):
                order.choice(calls)()

    in_threads(play)


# -- the whole process -----------------------------------------------------------------------------

IMPORTS_ALL = """
import pkgutil, sys
import httpparser, fastserve
for package in (httpparser, fastserve):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not found.name.endswith("__main__"):
            try:
                __import__(found.name)
            except ImportError as error:  # something that is not installed
                assert not error.name.startswith(("httpparser", "fastserve")), error
print(sys._is_gil_enabled())
"""


@pytest.mark.skipif(not FREE_THREADED, reason="this Python always has a GIL")
def test_no_module_turns_the_gil_on() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORTS_ALL], capture_output=True, text=True
    )
    assert (run.stdout, run.stderr) == ("False\n", "")


AT_THE_END = """
import threading
import httpparser
parser = httpparser.RequestParser()
for _ in range(3):
    parser.feed(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
inside = threading.Event()
def work():
    mine = httpparser.RequestParser()
    for _ in range(3):
        mine.feed(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    inside.set()
    threading.Event().wait()
threading.Thread(target=work, daemon=True).start()
inside.wait()
"""


def test_a_process_ends_while_another_thread_has_a_cache() -> None:
    run = subprocess.run([sys.executable, "-c", AT_THE_END], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
