"""A line that the callback parsers read as a whole is what llhttp makes of it, to the last getter.

Plain lines from the start of a message on never reach llhttp, nor does a message that ends in the
same input; when the first byte of a message comes alone, llhttp reads all of it. httptools is llhttp
alone too.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from types import ModuleType
from typing import Any

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from messages import REQUESTS, RESPONSES
from test_compat import CALLBACKS, LENIENCIES, PIECES
from test_plain import HEAD, LINES, METHODS, TARGETS, VERSIONS

import httpparser

Event = tuple[Any, ...]
Outcome = tuple[list[Event], Any, Any]

# Every line of it is plain; in the other one, white space follows a value.
PLAIN = HEAD.replace(b"html ", b"html")
OK = b"HTTP/1.1 200 OK\r\nServer: a\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc"
ODD = [*LINES, b"Proxy-Connection: keep-alive", b"proxy-connection: x", b"Connection: Close",
       b"Connection: close ", b"Connection:\tclose", b"connection:keep-alive", b"Content-Length: 3 ",
       b"CONTENT-LENGTH:3", b"Content-Length: 18446744073709551615", b"Upgrade: h2c",
       b"Transfer-Encoding: gzip, chunked", b"X: a ", b"X:\t", b"Set-Cookie: a=b"]  # fmt: skip
STATUS_LINES = [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No Content", b"HTTP/1.1 200",
                b"HTTP/1.1 101 S", b"HTTP/1.1 304 ", b"HTTP/1.1 100 Continue", b"HTTP/2.0 200 OK",
                b"HTTP/1.1 2000 OK", b"\r\nHTTP/1.1 200 OK", b"GET / HTTP/1.1"]  # fmt: skip


KEPT = {
    "get": b"GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n",
    "no fields": b"HEAD / HTTP/1.1\r\n\r\n",
    "body": b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
    "empty body": b"PUT /a HTTP/1.1\r\nContent-Length: 0\r\nA: b\r\n\r\n",
    "HTTP/1.0": b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "chunked": b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n",
    "space after a value": b"GET / HTTP/1.1\r\nA: b \r\nHost: a\r\n\r\n",
    "rare method": b"PROPFIND /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "empty lines": b"\r\n\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "body with a request": b"POST / HTTP/1.1\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "upgrade alone": b"GET / HTTP/1.1\r\nUpgrade: a\r\n\r\n",
}
LAST = {
    "nothing": b"",
    "close": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n\r\n\nGET / HTTP/1.1\r\nA: b\r\n\r\n",
    "close and body": b"PUT / HTTP/1.1\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabcdef",
    "both": b"GET / HTTP/1.1\r\nConnection: close\r\nConnection: keep-alive\r\n\r\nGET / HTTP",
    "HTTP/1.0": b"GET / HTTP/1.0\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "upgrade": b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "upgrade and body": b"PUT / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\n"
                        b"Content-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n",
    "connect": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "two lengths": b"PUT / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabcdef",
    "coding and length": b"PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    "long body": b"PUT / HTTP/1.1\r\nContent-Length: 30\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nA: b\r\n c\r\nHost: a\r\n\r\n",
    "bad line": b"GET / HTTP/1.1\r\nA b: c\r\n\r\n",
    "bad start": b"GET /\x01 HTTP/1.1\r\nA: c\r\n\r\n",
    "bare CR": b"GET / HTTP/1.1\r\nA: c\r\n\rGET / HTTP/1.1\r\nA: c\r\n\r\n",
    "incomplete": b"GET / HTTP/1.1\r\nA: c\r\n\r",
}  # fmt: skip
ANSWERED = {
    "ok": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    "empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: a\r\n\r\n",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "continue with length": b"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n",
    "early": b"HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
    "reset": b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
}
LAST_ANSWER = {
    "nothing": b"",
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n",
    "until the end": b"HTTP/1.1 200 OK\r\nServer: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n",
    "switching": b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "switching with length": b"HTTP/1.1 101 S\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n",
}


class Recorder:
    """Each callback with what the getters answer in it; `at` is the callback that raises."""

    def __init__(self, only: Iterable[str] = CALLBACKS, at: int = -1) -> None:
        self.parser: Any = None
        self.events: list[Event] = []
        self.count = 0
        self.at = at
        for name in only:
            setattr(self, name, self.callback(name))

    def callback(self, name: str) -> Callable[..., None]:
        def record(*arguments: bytes) -> None:
            if name in PIECES and self.events and self.events[-1][0] == name:
                arguments = (self.events.pop()[1] + arguments[0],)
            self.events.append((name, *arguments, self.answers()))
            self.count += 1
            if self.count == self.at + 1:
                raise ZeroDivisionError(name)

        return record

    def answers(self) -> Event:
        parser = self.parser
        line = getattr(parser, "get_method", None) or parser.get_status_code
        return (line(), parser.get_http_version(), parser.should_keep_alive(),
                parser.should_upgrade())  # fmt: skip


def outcome(
    pieces: Iterable[bytes],
    kind: str = "HttpRequestParser",
    module: ModuleType = httpparser,
    recorder: Recorder | None = None,
    parser: Any = None,
) -> Outcome:
    """The events, the error with its code and offset, and what the getters answer at the end."""
    recorder = recorder or Recorder()
    recorder.parser = getattr(module, kind)(recorder)
    end: Any = None
    fed = 0
    for piece in pieces:
        try:
            recorder.parser.feed_data(piece)
        except module.HttpParserUpgrade as upgrade:  # type: ignore[attr-defined]
            end = "upgrade", fed + upgrade.args[0]
            break
        except Exception as error:
            code, offset = getattr(error, "code", None), getattr(error, "offset", None)
            end = type(error).__name__, error.args, code, offset, repr(error.__context__)
            for again in (b"", b"GET / HTTP/1.1\r\nA: b\r\n\r\n"):
                with pytest.raises(type(error)) as caught:
                    recorder.parser.feed_data(again)
                if module is httpparser:
                    assert (caught.value.code, caught.value.offset) == (code, offset)
            break
        fed += len(piece)
    return recorder.events, end, recorder.answers()


def alone(message: bytes, kind: str = "HttpRequestParser") -> list[bytes]:
    """The message, or several, in pieces of which llhttp reads everything."""
    cuts = [cut for start in starts(message, kind) for cut in (start, start + 1)]
    ends = [*cuts, len(message)]
    return [message[first:last] for first, last in zip([0, *ends], ends, strict=False)]


@cache
def starts(message: bytes, kind: str) -> list[int]:
    """Where a message begins."""
    found = [len(message) - len(message.lstrip(b"\r\n"))]
    first_head = re.compile(rb"\n\r?\n").search(message, found[0])
    if first_head is None:
        return found
    recorder = Recorder(["on_message_begin"])
    parser = recorder.parser = getattr(httpparser, kind)(recorder)
    try:
        parser.feed_data(message[: found[0] + 1])
        parser.feed_data(message[found[0] + 1 : first_head.end()])
        for at in range(first_head.end(), len(message)):
            count = recorder.count
            parser.feed_data(message[at : at + 1])
            found += [at] * (recorder.count - count)
    except (httpparser.HttpParserError, httpparser.HttpParserUpgrade):
        pass
    return found


def check(message: bytes, kind: str = "HttpRequestParser") -> None:
    """Twice and once more, since lines are kept when they come again."""
    wanted = outcome(alone(message, kind), kind)
    for _ in range(3):
        assert outcome([message], kind) == wanted, message


def check_httptools(message: bytes, kind: str = "HttpRequestParser") -> None:
    """It calls for a field when it meets the next one, so the getters may answer more by then."""
    events, end, answers = outcome([message], kind)
    theirs, their_end, their_answers = outcome([message], kind, httptools)
    ours = [event[:-1] if event[0] == "on_header" else event for event in events]
    theirs = [event[:-1] if event[0] == "on_header" else event for event in theirs]
    if their_end is not None and their_end[0] == "upgrade":  # of which it drops the body
        last = max(at for at, event in enumerate(ours) if event[0] == "on_message_begin")
        ours[last:] = [event for event in ours[last:] if event[0] != "on_body"]
        assert ours == theirs, message
        return
    assert answers == their_answers, message
    assert (end and end[:2]) == (their_end and their_end[:2]), message
    if ours and ours[-1][0] == "on_header" and len(ours) == len(theirs) + 1:
        del ours[-1]
    assert ours == theirs, message


@pytest.mark.parametrize("at", range(len(PLAIN)))
def test_every_octet_at_every_place(at: int) -> None:
    for octet in range(256):
        check(PLAIN[:at] + bytes([octet]) + PLAIN[at + 1 :])
    for octet in b"\r\n\t :?%#\0aA0,;\x7f\xff":
        message = PLAIN[:at] + bytes([octet]) + PLAIN[at:]
        check(message)
        check_httptools(message)
    check(PLAIN[:at] + PLAIN[at + 1 :])


@pytest.mark.parametrize("at", range(len(OK)))
def test_every_octet_at_every_place_of_a_response(at: int) -> None:
    for octet in (*b"\r\n\t :?%#\0aA0,;\x7f\xff", OK[at] ^ 0x20):
        for rest in (OK[at:], OK[at + 1 :]):
            message = OK[:at] + bytes([octet]) + rest
            check(message, "HttpResponseParser")
            check_httptools(message, "HttpResponseParser")


@pytest.mark.parametrize("method", METHODS)
def test_start_lines(method: bytes) -> None:
    for target in TARGETS:
        for version in VERSIONS:
            for line in (b"%b %b %b", b"%b  %b %b", b"%b %b  %b", b" %b %b %b", b"\r\n%b %b %b"):
                start = line % (method, target, version)
                check(start + b"\r\nHost: a\r\n\r\n")
                check(start + b"\nHost: a\r\n\r\n")


@pytest.mark.parametrize("first", ODD)
def test_pairs_of_lines(first: bytes) -> None:
    for second in ODD:
        for start in (b"GET /a HTTP/1.1\r\n", b"POST * HTTP/1.0\r\n"):
            for end in (b"\r\n\r\nabc", b"\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n"):
                message = start + first + b"\r\n" + second + end
                check(message)
                check_httptools(message)


@pytest.mark.parametrize("start", STATUS_LINES)
def test_responses(start: bytes) -> None:
    for first in ODD:
        for end in (b"\r\n\r\nabc", b"\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n"):
            for message in (start + b"\r\n" + first + end, start + b"\n" + first + end):
                check(message, "HttpResponseParser")
                check_httptools(message, "HttpResponseParser")


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_split_anywhere(name: str) -> None:
    message = PLAIN + REQUESTS[name]
    for whole in (REQUESTS[name], message, b"\r\n" + message):
        check(whole)
        wanted = outcome(alone(whole))
        for at in range(len(whole) + 1):
            assert complete(outcome([whole[:at], whole[at:]])) == complete(wanted), (whole, at)


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_split_anywhere(name: str) -> None:
    message = OK + RESPONSES[name]
    for whole in (RESPONSES[name], message):
        check(whole, "HttpResponseParser")
        wanted = outcome(alone(whole, "HttpResponseParser"), "HttpResponseParser")
        for at in range(len(whole) + 1):
            found = outcome([whole[:at], whole[at:]], "HttpResponseParser")
            assert complete(found) == complete(wanted), (whole, at)


def complete(found: Outcome) -> Outcome:
    """Without what an error cut off: how much of it comes depends on where the input was cut."""
    events, end, answers = found
    while end is not None and events and events[-1][0] in PIECES:
        events = events[:-1]
    return events, end, answers


@pytest.mark.parametrize("at", range(30))
def test_a_callback_that_raises(at: int) -> None:
    """Wherever: the error, its offset, and what the getters answer after it."""
    for kind, message in (
        ("HttpRequestParser", PLAIN * 2),
        ("HttpRequestParser", b"\r\n" + PLAIN),
        ("HttpResponseParser", OK * 2),
    ):
        wanted = outcome(alone(message, kind), kind, recorder=Recorder(at=at))
        for _ in range(3):
            assert outcome([message], kind, recorder=Recorder(at=at)) == wanted
        # After a message of another feed, whose bytes count.
        *found, answers = outcome([message, message], kind, recorder=Recorder(at=at))
        *pieces, answers_alone = outcome(alone(message, kind) * 2, kind, recorder=Recorder(at=at))
        assert (found, answers) == (pieces, answers_alone)


def pipelines(response: bool, seconds: Iterable[str] = ()) -> Iterable[tuple[bytes, str]]:
    """Three messages each: after the last one nothing may follow, or another protocol."""
    kept, last = (ANSWERED, LAST_ANSWER) if response else (KEPT, LAST)
    kind = "HttpResponseParser" if response else "HttpRequestParser"
    for first in kept.values():
        for second in seconds or kept:
            for third in last.values():
                yield first + kept[second] + third, kind


@pytest.mark.parametrize("response", [False, True], ids=["requests", "responses"])
def test_pipelined_messages(response: bool) -> None:
    for message, kind in pipelines(response):
        check(message, kind)
        check_httptools(message, kind)


@pytest.mark.parametrize("response", [False, True], ids=["requests", "responses"])
def test_pipelined_messages_split_anywhere(response: bool) -> None:
    for message, kind in pipelines(response, ["ok" if response else "get", "chunked"]):
        wanted = complete(outcome(alone(message, kind), kind))
        for at in range(len(message)):
            found = outcome([message[:at], message[at:]], kind)
            assert complete(found) == wanted, (message, at)


@pytest.mark.parametrize("response", [False, True], ids=["requests", "responses"])
def test_a_callback_that_raises_in_a_pipeline(response: bool) -> None:
    for message, kind in pipelines(response, ["ok" if response else "body", "chunked"]):
        for at in range(26):
            wanted = outcome(alone(message, kind), kind, recorder=Recorder(at=at))
            assert outcome([message], kind, recorder=Recorder(at=at)) == wanted, (message, at)


@pytest.mark.parametrize("missing", CALLBACKS)
def test_a_pipeline_without_a_callback(missing: str) -> None:
    rest = [name for name in CALLBACKS if name != missing]
    for response in (False, True):
        for message, kind in pipelines(response):
            wanted = outcome(alone(message, kind), kind, recorder=Recorder(rest))
            assert outcome([message], kind, recorder=Recorder(rest)) == wanted


@pytest.mark.parametrize("missing", CALLBACKS)
def test_a_protocol_without_a_callback(missing: str) -> None:
    rest = [name for name in CALLBACKS if name != missing]
    for only in (rest, [missing], []):
        for line in ODD:
            message = b"POST /a?b HTTP/1.1\r\nHost: a\r\n%b\r\nX: y\r\n\r\nabc" % line
            wanted = outcome(alone(message), recorder=Recorder(only))
            assert outcome([message], recorder=Recorder(only)) == wanted


@pytest.mark.parametrize("callback", ["on_message_begin", "on_url", "on_header",
                                      "on_headers_complete", "on_body", "on_message_complete"])  # fmt: skip
def test_leniency_from_within_a_callback(callback: str) -> None:
    """It is in force for what follows."""
    for line in (*ODD, b"Connection: close\r\nX: y"):
        message = b"GET / HTTP/1.1\r\nA: b\r\n%b\r\n\r\n%b" % (line, PLAIN * 2)
        found = []
        for pieces in ([message], alone(message)):
            recorder = Recorder()
            recorded = getattr(recorder, callback)

            def lenient(*arguments: bytes, recorder=recorder, recorded=recorded) -> None:  # type: ignore[no-untyped-def]
                recorder.parser.set_dangerous_leniencies(**dict.fromkeys(LENIENCIES, True))
                recorded(*arguments)

            setattr(recorder, callback, lenient)
            found.append(outcome(pieces, recorder=recorder))
        assert found[0] == found[1]


@pytest.mark.parametrize("message", [PLAIN, KEPT["get"] * 2], ids=["length", "none"])
def test_a_length_that_an_earlier_message_left(message: bytes) -> None:
    """llhttp counts on from it; only with a leniency that is switched off again."""
    first = b"CONNECT a:1 HTTP/1.1\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"
    found = []
    for pieces in ([message], alone(message)):
        recorder = Recorder()
        parser = recorder.parser = httpparser.HttpRequestParser(recorder)
        parser.set_dangerous_leniencies(lenient_keep_alive=True)
        with pytest.raises(httpparser.HttpParserUpgrade):
            parser.feed_data(first)
        parser.feed_data(b"")
        parser.set_dangerous_leniencies(lenient_keep_alive=False)
        for piece in pieces:
            parser.feed_data(piece)
        found.append(recorder.events)
    assert found[0] == found[1]


@pytest.mark.parametrize("message", KEPT.values(), ids=KEPT)
def test_a_message_after_an_upgrade(message: bytes) -> None:
    found = []
    for pieces in ([message * 2], alone(message * 2)):
        recorder = Recorder()
        parser = recorder.parser = httpparser.HttpRequestParser(recorder)
        with pytest.raises(httpparser.HttpParserUpgrade):
            parser.feed_data(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n")
        for piece in [b"", *pieces]:
            parser.feed_data(piece)
        found.append((recorder.events, recorder.answers()))
    assert found[0] == found[1]


def test_inputs_of_every_length() -> None:
    for length in range(40):
        check(b"GET /%b HTTP/1.1\r\n\r\n" % (b"a" * length))
        check(b"GET / HTTP/1.1\r\n%b: %b\r\n\r\n" % (b"a" * length, b"b" * 20))
        check(b"GET / HTTP/1.1\r\nAccept: %b\r\n\r\n" % (b"b" * length))
        check((b"GET / HTTP/1.1\r\nAccept: a\r\nB: c\r\n\r\n" * 2)[:length])
        check(b"\r\n" * length + b"GET / HTTP/1.1\r\n\r\n")
    check(b"GET / HTTP/1.1\r\n" + b"Accept: a\r\nB: c\r\n" * 100 + b"\r\n")


pieces = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"\x7f", b"\x80", b"GET / HTTP/1.1\r\n",
     b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n", b"\r\n ", b"abc", b"HTTP/1.0", HEAD, PLAIN, OK]
    + [line + b"\r\n" for line in ODD]
)  # fmt: skip
lines = st.lists(st.sampled_from(ODD), max_size=6).map(b"\r\n".join)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A message, perhaps two, with pieces put in, cut out or written over."""
    start = draw(st.sampled_from([b"GET /a HTTP/1.1", b"PUT /?b HTTP/1.0", *STATUS_LINES]))
    data = start + b"\r\n" + draw(lines) + b"\r\n\r\nabc" + draw(st.sampled_from([b"", PLAIN, OK]))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(pieces) + data[at + draw(st.integers(0, 5)) :]
    return data


@settings(max_examples=600, deadline=None)
@given(mutated(), st.lists(st.integers(0, 200), max_size=3), st.integers(-1, 12), st.booleans())
@example(PLAIN, [], 3, False)
def test_mutated_messages(message: bytes, cuts: list[int], at: int, response: bool) -> None:
    kind = "HttpResponseParser" if response else "HttpRequestParser"
    if not message:
        return
    check(message, kind)
    check_httptools(message, kind)
    wanted = outcome(alone(message, kind), kind, recorder=Recorder(at=at))
    assert outcome([message], kind, recorder=Recorder(at=at)) == wanted
    ends = [*sorted(cuts), len(message)]
    cut = [message[first:last] for first, last in zip([0, *ends], ends, strict=False)]
    assert complete(outcome(cut, kind)) == complete(outcome(alone(message, kind), kind))
