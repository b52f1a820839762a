"""A line that the callback parsers read as a whole is what llhttp makes of it, to the last getter.

Plain lines at the start of an input never reach llhttp; when the first byte of a message comes
alone, llhttp reads all of it. httptools is llhttp alone too.
"""

from collections.abc import Callable, Iterable
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


def alone(message: bytes) -> list[bytes]:
    """The message in two pieces, of which llhttp reads everything."""
    first = len(message) - len(message.lstrip(b"\r\n")) + 1
    return [message[:first], message[first:]]


def check(message: bytes, kind: str = "HttpRequestParser") -> None:
    """Twice and once more, since lines are kept when they come again."""
    wanted = outcome(alone(message), kind)
    for _ in range(3):
        assert outcome([message], kind) == wanted, message


def check_httptools(message: bytes, kind: str = "HttpRequestParser") -> None:
    """It calls for a field when it meets the next one, so the getters may answer more by then."""
    events, end, answers = outcome([message], kind)
    theirs, their_end, their_answers = outcome([message], kind, httptools)
    ours = [event[:-1] if event[0] == "on_header" else event for event in events]
    theirs = [event[:-1] if event[0] == "on_header" else event for event in theirs]
    if their_end is not None and their_end[0] == "upgrade":  # where it drops the body
        assert [event for event in ours if event[0] != "on_body"] == theirs
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
        wanted = outcome(alone(whole), "HttpResponseParser")
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
        wanted = outcome(alone(message), kind, recorder=Recorder(at=at))
        for _ in range(3):
            assert outcome([message], kind, recorder=Recorder(at=at)) == wanted
        # After a message of another feed, whose bytes count.
        *found, answers = outcome([message, message], kind, recorder=Recorder(at=at))
        *pieces, answers_alone = outcome(alone(message) * 2, kind, recorder=Recorder(at=at))
        assert (found, answers) == (pieces, answers_alone)


@pytest.mark.parametrize("missing", CALLBACKS)
def test_a_protocol_without_a_callback(missing: str) -> None:
    rest = [name for name in CALLBACKS if name != missing]
    for only in (rest, [missing], []):
        for line in ODD:
            message = b"POST /a?b HTTP/1.1\r\nHost: a\r\n%b\r\nX: y\r\n\r\nabc" % line
            wanted = outcome(alone(message), recorder=Recorder(only))
            assert outcome([message], recorder=Recorder(only)) == wanted


@pytest.mark.parametrize("callback", ["on_message_begin", "on_url", "on_header"])
def test_leniency_from_within_a_callback(callback: str) -> None:
    """It is in force for what follows."""
    for line in (*ODD, b"Connection: close\r\nX: y"):
        message = b"GET / HTTP/1.1\r\nA: b\r\n%b\r\n\r\n%b" % (line, PLAIN)
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


def test_a_length_that_an_earlier_message_left() -> None:
    """llhttp counts on from it; only with a leniency that is switched off again."""
    first = b"CONNECT a:1 HTTP/1.1\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"
    found = []
    for pieces in ([PLAIN], alone(PLAIN)):
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
    wanted = outcome(alone(message), kind, recorder=Recorder(at=at))
    assert outcome([message], kind, recorder=Recorder(at=at)) == wanted
    ends = [*sorted(cuts), len(message)]
    cut = [message[first:last] for first, last in zip([0, *ends], ends, strict=False)]
    assert complete(outcome(cut, kind)) == complete(outcome(alone(message), kind))
