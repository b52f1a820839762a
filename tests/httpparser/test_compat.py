"""The callback parsers, example by example, beside httptools 0.9.0 where it is to be matched."""

import array
import gc
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from types import MethodType, ModuleType
from typing import Any

import httptools
import pytest
from messages import OK, REQUESTS, RESPONSES, splits

import httpparser
from httpparser import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserInvalidStatusError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
    HttpRequestParser,
    HttpResponseParser,
)

GET = b"GET /a?b HTTP/1.1\r\nHost: cd\r\nAccept: */*\r\n\r\n"
CHUNKED = (
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: t\r\n\r\n"
)
PIECES = {"on_url", "on_body", "on_status"}
CALLBACKS = [
    "on_message_begin",
    "on_url",
    "on_status",
    "on_header",
    "on_headers_complete",
    "on_body",
    "on_message_complete",
    "on_chunk_header",
    "on_chunk_complete",
]
LENIENCIES = {
    "lenient_headers": b"GET / HTTP/1.1\r\nA: b\x01c\r\n\r\n",
    "lenient_chunked_length": REQUESTS["length and chunked"],
    "lenient_keep_alive": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "lenient_transfer_encoding": REQUESTS["coding after chunked"],
    "lenient_version": b"GET / HTTP/7.5\r\n\r\n",
    "lenient_data_after_close": REQUESTS["data after close"],
    "lenient_optional_lf_after_cr": b"GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
    "lenient_optional_cr_before_lf": b"GET / HTTP/1.1\nA: b\n\n",
    "lenient_optional_crlf_after_chunk": REQUESTS["chunked, data not ended"],
    "lenient_spaces_after_chunk_size": REQUESTS["chunked, space after size"],
}


class Recorder:
    """Every callback as an event, the pieces of one field or body joined.

    Callbacks that are all methods of the protocol, as they mostly are, go another way in the
    parser than those that are just any callables.
    """

    def __init__(self, only: Iterable[str] = CALLBACKS, methods: bool = True) -> None:
        self.events: list[tuple[Any, ...]] = []
        for name in only:
            callback = self._callback(name)
            method = MethodType(lambda self, *arguments, call=callback: call(*arguments), self)
            setattr(self, name, method if methods else callback)

    def _callback(self, name: str) -> Callable[..., None]:
        def record(*arguments: bytes) -> None:
            if name in PIECES and self.events and self.events[-1][0] == name:
                arguments = (self.events.pop()[1] + arguments[0],)
            self.events.append((name, *arguments))

        return record


def feed(parser: HttpRequestParser, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        parser.feed_data(chunk)


Outcome = tuple[list[tuple[Any, ...]], object, object]


def outcome(
    module: ModuleType,
    kind: str,
    chunks: list[bytes],
    leniencies: dict[str, bool] | None = None,
    methods: bool = True,
) -> Outcome:
    """The events, how it ended, and what the parser says afterwards."""
    recorder = Recorder(methods=methods)
    parser = getattr(module, kind)(recorder)
    parser.set_dangerous_leniencies(**leniencies or {})
    end: object = None
    fed = 0
    for chunk in chunks:
        try:
            parser.feed_data(chunk)
        except module.HttpParserUpgrade as upgrade:
            end = ("upgrade", fed + upgrade.args[0])
            break
        except Exception as error:
            end = (type(error).__name__, error.args)
            break
        fed += len(chunk)
    line = parser.get_method() if kind == "HttpRequestParser" else parser.get_status_code()
    return (
        recorder.events,
        end,
        (line, parser.get_http_version(), parser.should_keep_alive(), parser.should_upgrade()),
    )


def assert_same(ours: Outcome, theirs: Outcome) -> None:
    events, *rest = ours
    assert rest == list(theirs[1:])
    # httptools gives a field when it meets the next one, so it loses one at the end of the input.
    if events and events[-1][0] == "on_header" and len(events) == len(theirs[0]) + 1:
        del events[-1]
    assert events == theirs[0]


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_as_httptools(name: str) -> None:
    for chunks in splits(REQUESTS[name]):
        theirs = outcome(httptools, "HttpRequestParser", chunks)
        for methods in (True, False):
            assert_same(outcome(httpparser, "HttpRequestParser", chunks, methods=methods), theirs)


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_as_httptools(name: str) -> None:
    for chunks in splits(RESPONSES[name]):
        theirs = outcome(httptools, "HttpResponseParser", chunks)
        for methods in (True, False):
            assert_same(outcome(httpparser, "HttpResponseParser", chunks, methods=methods), theirs)


@pytest.mark.parametrize("leniency", LENIENCIES)
def test_leniencies_as_httptools(leniency: str) -> None:
    assert len(LENIENCIES) == 10
    for chunks in splits(LENIENCIES[leniency]):
        for switches in ({}, {leniency: True}, {leniency: False}):
            assert_same(
                outcome(httpparser, "HttpRequestParser", chunks, switches),
                outcome(httptools, "HttpRequestParser", chunks, switches),
            )


def test_a_leniency_stays_until_it_is_switched_off() -> None:
    parser = HttpRequestParser(None)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    parser.set_dangerous_leniencies(lenient_headers=None)
    parser.feed_data(REQUESTS["data after close"])
    parser = HttpRequestParser(None)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    parser.set_dangerous_leniencies(lenient_data_after_close=False)
    with pytest.raises(HttpParserError):
        parser.feed_data(REQUESTS["data after close"])
    with pytest.raises(TypeError):
        parser.set_dangerous_leniencies(lenient_headers=1)  # type: ignore[arg-type]


def test_order_of_callbacks() -> None:
    recorder = Recorder()
    HttpRequestParser(recorder).feed_data(CHUNKED)
    assert recorder.events == [
        ("on_message_begin",),
        ("on_url", b"/"),
        ("on_header", b"Transfer-Encoding", b"chunked"),
        ("on_headers_complete",),
        ("on_chunk_header",),
        ("on_body", b"abc"),
        ("on_chunk_complete",),
        ("on_chunk_header",),
        ("on_header", b"Trailer", b"t"),
        ("on_chunk_complete",),
        ("on_message_complete",),
    ]


@pytest.mark.parametrize("missing", CALLBACKS)
def test_every_callback_is_optional(missing: str) -> None:
    whole, rest = Recorder(), Recorder(name for name in CALLBACKS if name != missing)
    HttpRequestParser(whole).feed_data(CHUNKED)
    HttpRequestParser(rest).feed_data(CHUNKED)
    assert rest.events == [event for event in whole.events if event[0] != missing]


def test_a_protocol_may_lack_them_all_or_have_none_in_place_of_one() -> None:
    HttpRequestParser(None).feed_data(CHUNKED)
    protocol = Recorder()
    protocol.on_header = None  # type: ignore[attr-defined]
    HttpRequestParser(protocol).feed_data(CHUNKED)
    assert "on_header" not in {event[0] for event in protocol.events}


def test_callbacks_are_looked_up_once() -> None:
    recorder = Recorder()
    parser = HttpRequestParser(recorder)
    recorder.on_url = None  # type: ignore[attr-defined]
    parser.feed_data(GET)
    assert ("on_url", b"/a?b") in recorder.events


class Methods:
    """A protocol as people write it: methods, of which one is static and one is of the class."""

    seen: list[object] = []  # noqa: RUF012

    def on_header(self, name: bytes, value: bytes) -> None:
        self.seen.append((name, value))

    @staticmethod
    def on_url(url: bytes) -> None:
        Methods.seen.append(url)

    @classmethod
    def on_headers_complete(cls) -> None:
        cls.seen.append(cls)


def test_plain_static_and_class_methods() -> None:
    Methods.seen.clear()
    HttpRequestParser(Methods()).feed_data(GET)
    assert Methods.seen == [b"/a?b", (b"Host", b"cd"), (b"Accept", b"*/*"), Methods]


def test_what_callbacks_return_is_ignored() -> None:
    protocol = Recorder()
    protocol.on_headers_complete = lambda: 2  # type: ignore[attr-defined]
    protocol.on_message_begin = lambda: -1  # type: ignore[attr-defined]
    HttpRequestParser(protocol).feed_data(CHUNKED)
    assert ("on_body", b"abc") in protocol.events


def test_a_subclass_may_add_to_the_parser() -> None:
    class Parser(HttpRequestParser):
        def __init__(self, protocol: object, label: str) -> None:
            super().__init__(protocol)
            self.label = label

    recorder = Recorder()
    parser = Parser(recorder, label="x")
    parser.feed_data(GET)
    assert parser.label == "x"
    assert recorder.events[-1] == ("on_message_complete",)


def test_before_any_input() -> None:
    request, response = HttpRequestParser(None), HttpResponseParser(None)
    assert (request.get_http_version(), response.get_status_code()) == ("0.0", 0)
    assert (request.should_keep_alive(), request.should_upgrade()) == (False, False)
    request.feed_data(b"")
    request.feed_data(GET)
    assert (request.get_method(), request.get_http_version()) == (b"GET", "1.1")


# --- upgrades --------------------------------------------------------------------------------


def test_upgrade_tells_where_the_other_protocol_starts() -> None:
    message = REQUESTS["websocket"]
    with pytest.raises(HttpParserUpgrade) as caught:
        HttpRequestParser(None).feed_data(message)
    assert message[caught.value.args[0] :] == b"\x81\x02hi"
    assert not isinstance(caught.value, HttpParserError)


def test_after_a_refused_upgrade_the_connection_goes_on() -> None:
    recorder = Recorder()
    parser = HttpRequestParser(recorder)
    head = b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    with pytest.raises(HttpParserUpgrade):
        parser.feed_data(head)
    parser.feed_data(GET)
    assert [event[0] for event in recorder.events].count("on_message_complete") == 2
    assert not parser.should_upgrade()


def test_the_body_of_a_request_that_asks_for_an_upgrade_is_kept() -> None:
    # Where httptools drops it: RFC 9110 7.8, the request is read whole before anything switches.
    message = b"POST / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\n"
    for chunks in splits(message + b"abc" + b"PRI"):
        events, end, _ = outcome(httpparser, "HttpRequestParser", chunks)
        assert ("on_body", b"abc") in events
        assert end == ("upgrade", len(message) + 3)
    assert ("on_body", b"abc") not in outcome(
        httptools, "HttpRequestParser", [message + b"abcPRI"]
    )[0]


# --- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parser", "data", "kind", "code", "offset"),
    [
        (HttpRequestParser, b"BREW / HTTP/1.1\r\n", HttpParserInvalidMethodError, "METHOD", 1),
        (HttpRequestParser, b"GET /\x01 HTTP/1.1\r\n", HttpParserInvalidURLError, "URL", 5),
        (HttpRequestParser, b"GET / HTTP/1.1\r\nA b\r\n", HttpParserError, "HEADER_TOKEN", 17),
        (HttpResponseParser, b"HTTP/1.1 2x\r\n", HttpParserInvalidStatusError, "STATUS", 10),
    ],
)
def test_errors_say_what_and_where(
    parser: type[HttpRequestParser], data: bytes, kind: type[Exception], code: str, offset: int
) -> None:
    for chunks in splits(data):
        with pytest.raises(HttpParserError) as caught:
            feed(parser(None), chunks)
        assert type(caught.value) is kind
        assert caught.value.code == f"HPE_INVALID_{code}"
        assert caught.value.offset == offset
        assert caught.value.status == 400


def test_errors_are_sticky() -> None:
    parser = HttpRequestParser(None)
    seen = []
    for data in (GET, b"BREW / HTTP/1.1\r\n\r\n", GET, b""):
        try:
            parser.feed_data(data)
        except HttpParserInvalidMethodError as error:
            seen.append((error.args, error.code, error.offset))
    assert seen == [(("Invalid method encountered",), "HPE_INVALID_METHOD", len(GET) + 1)] * 3


@pytest.mark.parametrize("callback", CALLBACKS)
@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt])
def test_a_callback_that_raises(callback: str, kind: type[BaseException]) -> None:
    original = kind("from a callback")

    def fail(*arguments: bytes) -> None:
        raise original

    protocol = Recorder(())
    setattr(protocol, callback, fail)
    response = callback == "on_status"
    parser = HttpResponseParser(protocol) if response else HttpRequestParser(protocol)
    for context in (original, None):
        with pytest.raises(HttpParserCallbackError) as caught:
            parser.feed_data(OK if response else CHUNKED)
        assert caught.value.args == (f"`{callback}` callback error",)
        assert caught.value.__context__ is context
        assert caught.value.offset is not None


def test_an_error_in_looking_a_callback_up_passes() -> None:
    class Protocol:
        @property
        def on_body(self) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        HttpRequestParser(Protocol())


def test_a_parser_needs_a_protocol() -> None:
    with pytest.raises(TypeError):
        HttpRequestParser()  # type: ignore[call-arg]


# --- faults of httptools, mended -------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        bytearray(GET),
        memoryview(GET),
        memoryview(b"xx" + GET + b"xx")[2:-2],
        array.array("B", GET),
        array.array("H", GET),
        memoryview(GET).cast("B", (2, len(GET) // 2)),
    ],
    ids=lambda data: type(data).__name__,
)
def test_any_contiguous_buffer(data: bytearray) -> None:
    whole, recorder = Recorder(), Recorder()
    HttpRequestParser(whole).feed_data(GET)
    HttpRequestParser(recorder).feed_data(data)
    assert recorder.events == whole.events


@pytest.mark.parametrize("step", [2, -1, -2])
def test_a_buffer_with_gaps_is_refused(step: int) -> None:
    with pytest.raises(BufferError, match="contiguous"):
        HttpRequestParser(None).feed_data(memoryview(bytearray(GET))[::step])


@pytest.mark.parametrize("data", ["GET", None, 1, [b"GET"]])
def test_what_is_not_a_buffer_is_refused(data: Any) -> None:
    parser = HttpRequestParser(None)
    with pytest.raises(TypeError, match="bytes-like"):
        parser.feed_data(data)
    parser.feed_data(GET)


def test_a_bytearray_is_free_again_after_its_feed() -> None:
    data = bytearray(GET)
    parser = HttpRequestParser(None)
    parser.feed_data(data)
    data.clear()
    data.extend(b"BREW")
    with pytest.raises(HttpParserError):
        parser.feed_data(data)
    data.clear()


def test_a_field_outlives_the_reads_that_brought_it() -> None:
    recorder = Recorder()
    parser = HttpRequestParser(recorder)
    for at in range(len(GET)):
        data = bytearray(GET[at : at + 1])
        parser.feed_data(data)
        data[:] = b"!"
    assert ("on_header", b"Accept", b"*/*") in recorder.events


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_long_field_in_small_pieces_is_held_once(size: int) -> None:
    # In a buffer that doubles, so that the copying is linear and a moment of moving costs 3 times.
    name, value = b"n" * 50_000, b"v" * 150_000
    recorder = Recorder()
    parser = HttpRequestParser(recorder)
    head = b"GET / HTTP/1.1\r\n" + name + b": " + value + b"\r\n\r\n"
    chunks = [head[at : at + size] for at in range(0, len(head), size)]
    *first, last = chunks
    tracemalloc.start()
    try:
        for chunk in first:
            parser.feed_data(chunk)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    parser.feed_data(last)
    assert ("on_header", name, value) in recorder.events
    assert held < 2.7 * len(head) + 10_000
    assert peak < 4 * len(head) + 10_000


def test_names_of_one_length_and_nearly_one_spelling_stay_apart() -> None:
    # They meet in the cache of names.
    names = [b"X-%c%c%c-Id" % (a, b, c) for a in b"abcdefgh" for b in b"abcdefgh" for c in b"xyz"]
    recorder = Recorder(["on_header"])
    parser = HttpRequestParser(recorder)
    for order in (names, names[::-1], names):
        recorder.events.clear()
        fields = b"".join(name + b": " + name + b"\r\n" for name in order)
        parser.feed_data(b"GET / HTTP/1.1\r\n" + fields + b"\r\n")
        assert recorder.events == [("on_header", name, name) for name in order]


def test_feeding_from_a_callback_is_refused() -> None:
    refusals = []

    class Protocol:
        parser: HttpRequestParser
        ended = False

        def on_url(self, url: bytes) -> None:
            for attempt in (lambda: self.parser.feed_data(GET), lambda: self.parser.__init__(self)):  # type: ignore[misc]
                try:
                    attempt()
                except HttpParserError as error:
                    refusals.append(error.code)

        def on_message_complete(self) -> None:
            self.ended = True

    protocol = Protocol()
    protocol.parser = HttpRequestParser(protocol)
    protocol.parser.feed_data(GET)
    assert refusals == ["REENTRANT_FEED"] * 2
    assert protocol.ended
    protocol.parser.feed_data(GET)
    assert len(refusals) == 4


def test_feeding_from_another_thread_meanwhile_is_refused() -> None:
    inside, refused = threading.Event(), threading.Event()
    recorder = Recorder(["on_header", "on_message_complete"])

    def wait(url: bytes) -> None:
        inside.set()
        assert refused.wait(30)

    recorder.on_url = wait  # type: ignore[attr-defined]
    parser = HttpRequestParser(recorder)
    thread = threading.Thread(target=parser.feed_data, args=(GET,))
    thread.start()
    assert inside.wait(30)
    with pytest.raises(HttpParserError, match="another thread") as caught:
        parser.feed_data(GET)
    assert caught.value.code == "REENTRANT_FEED"
    refused.set()
    thread.join()
    assert recorder.events[-1] == ("on_message_complete",)


def test_a_parser_for_each_of_several_threads() -> None:
    whole = Recorder()
    HttpRequestParser(whole).feed_data(CHUNKED)
    wrong: list[object] = []

    def work() -> None:
        for chunks in list(splits(CHUNKED)) * 4:
            recorder = Recorder()
            parser = HttpRequestParser(recorder)
            for chunk in chunks:
                parser.feed_data(chunk)
            if recorder.events != whole.events:
                wrong.append(recorder.events)

    threads = [threading.Thread(target=work) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_a_protocol_and_its_parser_are_collected_together() -> None:
    class Protocol:
        def __init__(self) -> None:
            self.parser = HttpRequestParser(self)

        def on_url(self, url: bytes) -> None: ...

        def on_header(self, name: bytes, value: bytes) -> None: ...

    protocol = Protocol()
    protocol.parser.feed_data(GET[:-5])
    gone = weakref.ref(protocol)
    del protocol
    gc.collect()
    assert gone() is None


def work_of_every_kind() -> None:
    for message in (GET, CHUNKED, REQUESTS["websocket"], REQUESTS["good field before a bad one"]):
        for size in (1, 11, len(message)):
            parser = HttpRequestParser(Recorder())
            try:
                for at in range(0, len(message), size):
                    parser.feed_data(memoryview(message)[at : at + size])
            except (HttpParserError, HttpParserUpgrade):
                pass
    failing = Recorder()
    failing.on_header = failing.on_url = None  # type: ignore[attr-defined]
    failing.on_headers_complete = lambda: 1 / 0  # type: ignore[attr-defined]
    for protocol in (failing, None):
        try:
            HttpRequestParser(protocol).feed_data(GET)
            HttpRequestParser(protocol).feed_data(memoryview(GET)[::2])
        except (HttpParserError, BufferError):
            pass
    try:
        httpparser.parse_url(b"/a?b#c")
        httpparser.parse_url(memoryview(b"http://a@[::1]:1/b"))
        httpparser.parse_url("/")  # type: ignore[arg-type]
    except TypeError:
        pass


def held() -> int:
    """Bytes that this test's own lines have allocated, and not those of pytest's threads."""
    gc.collect()
    ours = tracemalloc.Filter(True, str(Path(__file__).parent / "*"))
    snapshot = tracemalloc.take_snapshot().filter_traces([ours])
    return sum(trace.size for trace in snapshot.traces)


def test_nothing_leaks() -> None:
    for _ in range(20):
        work_of_every_kind()
    tracemalloc.start()
    try:
        counts = [held()]
        for _ in range(6):  # without the GIL some memory is freed late
            for _ in range(200):
                work_of_every_kind()
            counts.append(held())
            # Ten bytes a round; the smallest leak is an object each.
            if abs(counts[-1] - counts[-2]) < 2000:
                break
        else:
            raise AssertionError(f"it grows: {counts}")
    finally:
        tracemalloc.stop()


def test_the_input_and_the_callbacks_keep_their_reference_counts() -> None:
    recorder = Recorder()
    parser = HttpRequestParser(recorder)
    watched = [GET, recorder, *vars(recorder).values()]
    recorder.events.clear()
    parser.feed_data(GET)
    before = [sys.getrefcount(thing) for thing in watched]
    for _ in range(100):
        recorder.events.clear()
        parser.feed_data(GET)
    assert [sys.getrefcount(thing) for thing in watched] == before
