"""The session between a transport and an app, without sockets or clocks."""

import asyncio
import contextvars
import gc
import logging
import struct
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from fastserve import Config
from fastserve.service import make_service
from fastserve.websocket import ClientDisconnected, Session

from .cases import BINARY, CLOSE, HI, PING, PONG, TEXT, close, frame, part
from .client import head

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

ACCEPT: Event = {"type": "websocket.accept"}


class Transport:
    """Records what is done to it; `protocol` is the connection, and the session once accepted."""

    def __init__(self, tls: bool = False) -> None:
        self.protocol: Any = None
        self.written: list[bytes] = []
        self.calls: list[str] = []
        self.tls = tls
        self.waiting = 0

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def can_write_eof(self) -> bool:
        return not self.tls

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str) -> object:
        return None

    def set_write_buffer_limits(self, high: int) -> None: ...

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.calls.append(name)


def options(**changed: Any) -> Config:
    return Config("a:b", access_log=False, server_header=False, date_header=False, **changed)


class Link:
    """A session with its app running, up to its handshake, and what has come of it."""

    def __init__(self, app: Any, config: Config | None = None, **request: Any) -> None:
        others = request.pop("beside", None)
        self.service = (
            others.service
            if others is not None
            else make_service(app, config or options(), asyncio.get_running_loop(), {}, None)
        )
        before = set(self.service.websockets)
        self.transport = Transport(request.pop("tls", False))
        self.transport.protocol = self.service.connection()
        self.protocol.connection_made(self.transport)
        offered = ", ".join(request.get("subprotocols", []))
        request_head = head(sec_websocket_protocol=offered)
        self.protocol.data_received(request_head + request.get("early", b""))
        (self.session,) = self.service.websockets - before

    @property
    def protocol(self) -> Any:
        return self.transport.protocol

    async def turn(self, turns: int = 4) -> "Link":
        for _ in range(turns):
            await asyncio.sleep(0)
        return self

    async def feed(self, data: bytes) -> None:
        """As a transport does: from the loop, not from a Task."""
        asyncio.get_running_loop().call_soon(self.protocol.data_received, data)
        await self.turn()

    async def end(self) -> None:
        if not self.session.task.done():
            self.protocol.connection_lost(None)
            await self.turn()
        assert self.session.task.done()

    @property
    def sent(self) -> bytes:
        """What was written after the handshake."""
        return b"".join(self.transport.written).partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        return int(b"".join(self.transport.written).split()[1])


def in_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


def server_frame(opcode: int, payload: bytes) -> bytes:
    assert len(payload) < 126
    return bytes([0x80 | opcode, len(payload)]) + payload


def server_close(code: int, reason: bytes = b"") -> bytes:
    return server_frame(CLOSE, struct.pack("!H", code) + reason)


class App:
    """Accepts, then does what the test says, and keeps what it received."""

    def __init__(self, *sends: Event, receives: int = 0, accept: Event | None = ACCEPT) -> None:
        self.sends = sends
        self.receives = receives
        self.accept = accept
        self.events: list[Event] = []
        self.error: BaseException | None = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            self.events.append(await receive())
            if self.accept is not None:
                await send(self.accept)
            for message in self.sends:
                await send(message)
            for _ in range(self.receives):
                self.events.append(await receive())
        except BaseException as error:
            self.error = error
            raise


async def forever(scope: Any, receive: Receive, send: Send) -> None:
    await receive()
    await send(ACCEPT)
    await asyncio.Event().wait()


async def echo(scope: Any, receive: Receive, send: Send) -> None:
    await receive()
    await send(ACCEPT)
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


class Endpoint:
    """An app whose call returns an awaitable that is not a coroutine, as Starlette's endpoints."""

    def __init__(self, scope: Any, receive: Receive, send: Send) -> None:
        self.call = echo(scope, receive, send)

    def __await__(self) -> Any:
        return self.call.__await__()


# What the app's call returns


@in_loop
async def test_any_awaitable() -> None:
    link = await Link(Endpoint).turn()
    await link.feed(HI)
    assert link.sent == server_frame(TEXT, b"Hi")
    await link.end()


@in_loop
async def test_a_call_that_returns_nothing() -> None:
    link = await Link(lambda scope, receive, send: None).turn()
    assert link.status == 500
    await link.end()
    assert not link.service.websockets


# The order of events


@in_loop
async def test_connect_receive_disconnect() -> None:
    app = App(receives=4)
    link = await Link(app).turn()
    await link.feed(HI + frame(BINARY, b"\xff") + close(1001, b"going"))
    assert app.events == [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "Hi"},
        {"type": "websocket.receive", "bytes": b"\xff"},
        {"type": "websocket.disconnect", "code": 1001, "reason": "going"},
        {"type": "websocket.disconnect", "code": 1001, "reason": "going"},
    ]
    assert link.sent == server_close(1001, b"going")
    await link.end()


@in_loop
async def test_a_close_without_a_code_is_1005() -> None:
    app = App(receives=1)
    link = await Link(app).turn()
    await link.feed(frame(CLOSE))
    assert app.events[-1] == {"type": "websocket.disconnect", "code": 1005, "reason": ""}
    assert link.sent == server_frame(CLOSE, b"")


@in_loop
async def test_a_lost_connection_is_1006() -> None:
    app = App(receives=1)
    link = await Link(app).turn()
    link.protocol.connection_lost(ConnectionResetError())
    await link.turn()
    assert app.events[-1] == {"type": "websocket.disconnect", "code": 1006, "reason": ""}


@in_loop
async def test_a_connection_lost_before_accept_is_1006() -> None:
    app = App(receives=1, accept=None)
    link = Link(app)
    link.protocol.connection_lost(None)
    await link.turn()
    assert app.events[-1] == {"type": "websocket.disconnect", "code": 1006, "reason": ""}


@in_loop
async def test_what_had_arrived_is_received_before_the_disconnect() -> None:
    app = App(receives=3)
    link = Link(app)
    await link.turn()
    app2 = asyncio.current_task()
    assert app2 is not None
    link.protocol.data_received(HI + HI)  # in a Task: the app is not stepped in place
    link.protocol.connection_lost(None)
    await link.turn()
    assert [event["type"] for event in app.events[1:]] == [
        "websocket.receive",
        "websocket.receive",
        "websocket.disconnect",
    ]


@in_loop
async def test_a_protocol_error_is_the_disconnect_that_the_app_sees() -> None:
    app = App(receives=1)
    link = await Link(app).turn()
    await link.feed(b"\x83\x80mask")
    assert app.events[-1]["code"] == 1002
    assert "opcode" in app.events[-1]["reason"]
    assert link.sent.startswith(b"\x88")
    assert link.transport.calls == ["write_eof"]


@in_loop
async def test_an_echo_goes_out_before_the_answer_to_an_error() -> None:
    link = await Link(echo).turn()
    await link.feed(HI + b"\x83\x80mask")
    assert link.sent.startswith(server_frame(TEXT, b"Hi") + b"\x88")
    await link.end()


# Sending


@in_loop
async def test_all_frames_of_one_read_are_written_at_once() -> None:
    link = await Link(echo).turn()
    link.service.turn_seconds = 60
    before = len(link.transport.written)
    await link.feed(HI * 16)
    assert link.transport.written[before:] == [server_frame(TEXT, b"Hi") * 16]
    await link.end()


@in_loop
async def test_the_handshake_and_the_first_frames_are_written_at_once() -> None:
    link = await Link(App({"type": "websocket.send", "text": "a"}, receives=1)).turn()
    assert len(link.transport.written) == 1
    assert link.sent == server_frame(TEXT, b"a")
    await link.end()


@pytest.mark.parametrize("payload", [b"a", bytearray(b"a"), memoryview(b"a")])
def test_bytes_of_any_kind(payload: bytes) -> None:
    async def run() -> None:
        link = await Link(App({"type": "websocket.send", "bytes": payload}, receives=1)).turn()
        assert link.sent == server_frame(BINARY, b"a")
        await link.end()

    asyncio.run(run())


@in_loop
async def test_the_other_of_bytes_and_text_may_be_none() -> None:
    sends: list[Event] = [
        {"type": "websocket.send", "bytes": None, "text": "a"},
        {"type": "websocket.send", "bytes": b"b", "text": None},
    ]
    link = await Link(App(*sends, receives=1)).turn()
    assert link.sent == server_frame(TEXT, b"a") + server_frame(BINARY, b"b")
    await link.end()


@in_loop
async def test_many_messages_of_one_read_are_answered_in_one_write() -> None:
    async def app(scope: Event, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        while (event := await receive())["type"] == "websocket.receive":
            await send({**event, "type": "websocket.send"})

    link = await Link(app).turn()
    link.service.turn_seconds = 60
    e = "\xe9".encode()
    await link.feed(frame(TEXT, b"a") + frame(BINARY, b"b") + frame(TEXT, b"") + frame(TEXT, e))
    assert link.sent == (
        server_frame(TEXT, b"a") + server_frame(BINARY, b"b") + server_frame(TEXT, b"")
        + server_frame(TEXT, e)
    )  # fmt: skip
    assert len(link.transport.written) == 2
    await link.end()


@in_loop
async def test_events_of_many_reads_and_connections_are_the_apps_own() -> None:
    kept: list[Event] = []

    async def app(scope: Event, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        while (event := await receive())["type"] == "websocket.receive":
            if "9" not in event["text"]:  # the dict of a "9" may serve again
                kept.append(event)

    first = await Link(app).turn()
    links = [first, *[await Link(app, beside=first).turn() for _ in range(2)]]
    texts = [f"{number} {at}" for number in range(12) for at in range(3)]
    for text in texts:
        await links[int(text[-1])].feed(frame(TEXT, text.encode()))
    assert [event["text"] for event in kept] == [text for text in texts if "9" not in text]
    for link in links:
        await link.end()


@in_loop
async def test_events_of_one_read_are_the_apps_own() -> None:
    kept: list[Event] = []

    async def app(scope: Event, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        for _ in range(6):
            kept.append(await receive())

    link = await Link(app).turn()
    await link.feed(b"".join(frame(TEXT, b"%d" % number) for number in range(6)))
    assert kept == [{"type": "websocket.receive", "text": f"{number}"} for number in range(6)]


@pytest.mark.parametrize("change", ["add", "remove", "clear", "replace", "type", "none"])
def test_what_an_app_does_to_an_event_is_not_in_a_later_one(change: str) -> None:
    changes: dict[str, Callable[[Event], object]] = {
        "add": lambda event: event.update(more=1),
        "remove": lambda event: event.popitem(),
        "clear": lambda event: event.clear(),
        "replace": lambda event: event.update(text="no"),
        "type": lambda event: event.update(type="no"),
        "none": lambda event: None,
    }
    taken: list[str] = []

    async def app(scope: Event, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        while True:
            event = await receive()
            if event["type"] != "websocket.receive":
                break
            taken.append(repr(event))
            changes[change](event)

    async def main() -> None:
        link = await Link(app).turn()
        await link.feed(b"".join(frame(TEXT, b"%d" % number) for number in range(8)))
        await link.feed(frame(BINARY, b"8") + frame(TEXT, b"9") + frame(BINARY, b"10"))
        await link.end()

    asyncio.run(main())
    values: list[Event] = [{"text": f"{number}"} for number in range(8)]
    values += [{"bytes": b"8"}, {"text": "9"}, {"bytes": b"10"}]
    assert taken == [repr({"type": "websocket.receive", **value}) for value in values]


@in_loop
async def test_a_receive_gives_one_event_when_it_is_awaited() -> None:
    taken: list[Event] = []
    errors: list[str] = []

    async def app(scope: Event, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        receive()  # takes nothing
        first, second = receive(), receive()
        taken.append(await second)
        taken.append(await first)
        try:
            await first
        except RuntimeError as error:
            errors.append(str(error))
        taken.append(await receive())

    link = await Link(app).turn()
    await link.feed(frame(TEXT, b"a") + frame(TEXT, b"b"))
    await link.feed(frame(TEXT, b"c"))
    assert [event["text"] for event in taken] == ["a", "b", "c"]
    assert errors == ["receive() makes these, each for one event"]
    assert link.session.task.done()


@pytest.mark.parametrize("size", [20000, 65535, 65536, 200000])
def test_large_and_small_messages_keep_their_order(size: int) -> None:
    large, small = b"x" * size, b"small"

    async def main() -> None:
        sends = [{"type": "websocket.send", "bytes": data} for data in (small, large, small) * 2]
        link = await Link(App(*sends)).turn(20)
        expected = [
            server_frame(BINARY, small),
            bytes([0x82, 126 if size <= 0xFFFF else 127])
            + size.to_bytes(2 if size <= 0xFFFF else 8, "big")
            + large,
            server_frame(BINARY, small),
        ]
        assert link.sent == b"".join(expected * 2) + server_close(1000)
        await link.end()

    asyncio.run(main())


@in_loop
async def test_64_kib_are_written_before_more_is_sent_and_others_get_a_turn() -> None:
    link = await Link(
        App(*[{"type": "websocket.send", "bytes": bytes(40000)}] * 4, receives=1)
    ).turn(1)
    await link.turn(10)
    sizes = [len(data) for data in link.transport.written]
    assert len(sizes) == 2
    assert sum(sizes) > 160000
    await link.end()


@in_loop
async def test_send_waits_while_the_peer_does_not_read() -> None:
    app = App(*[{"type": "websocket.send", "text": "a"}] * 3)
    link = Link(app)
    link.protocol.pause_writing()
    await link.turn(10)
    assert not link.session.task.done()
    assert link.sent == b""  # accept waits
    link.protocol.resume_writing()
    await link.turn(10)
    assert link.sent == server_frame(TEXT, b"a") * 3 + server_close(1000)


@in_loop
async def test_send_that_waits_raises_when_the_connection_is_lost() -> None:
    app = App({"type": "websocket.send", "text": "a"})
    link = Link(app)
    link.protocol.pause_writing()
    await link.turn()
    link.protocol.connection_lost(None)
    await link.turn()
    assert isinstance(app.error, ClientDisconnected)


# What an app may not do


def error_of(*sends: Event, accept: Event | None = ACCEPT, **request: Any) -> BaseException:
    """What the last of `sends` raises in the app."""

    async def run() -> BaseException:
        app = App(*sends, accept=accept)
        link = await Link(app, **request).turn(10)
        assert app.error is not None, link.transport.written
        await link.end()
        return app.error

    logging.disable(logging.ERROR)
    try:
        return asyncio.run(run())
    finally:
        logging.disable(logging.NOTSET)


TEXT_A: Event = {"type": "websocket.send", "text": "a"}
CLOSE_IT: Event = {"type": "websocket.close"}
DENY: Event = {"type": "websocket.http.response.start", "status": 401, "headers": []}
BODY: Event = {"type": "websocket.http.response.body", "body": b"no"}

ORDER: dict[str, tuple[Event | None, list[Event], str]] = {
    "send-before-accept": (None, [TEXT_A], "before websocket.accept"),
    "body-before-start": (None, [BODY], "before websocket.accept"),
    "accept-twice": (ACCEPT, [ACCEPT], "once accepted"),
    "deny-after-accept": (ACCEPT, [DENY], "once accepted"),
    "accept-after-deny": (None, [DENY, ACCEPT], "during websocket.http.response"),
    "close-after-deny": (None, [DENY, CLOSE_IT], "during websocket.http.response"),
    "deny-twice": (None, [DENY, DENY], "during websocket.http.response"),
    "body-after-the-last": (None, [DENY, BODY, BODY], "after its end"),
    "send-after-close": (ACCEPT, [CLOSE_IT, TEXT_A], "after its end"),
    "close-twice": (ACCEPT, [CLOSE_IT, CLOSE_IT], "after its end"),
    "accept-after-refusal": (None, [CLOSE_IT, ACCEPT], "after its end"),
    "unknown": (ACCEPT, [{"type": "websocket.sned"}], "websocket.send or websocket.close can"),
    "http": (ACCEPT, [{"type": "http.response.start", "status": 200}], "once accepted"),
}


@pytest.mark.parametrize(("accept", "sends", "text"), ORDER.values(), ids=ORDER)
def test_order(accept: Event | None, sends: list[Event], text: str) -> None:
    error = error_of(*sends, accept=accept)
    assert isinstance(error, RuntimeError)
    assert text in str(error)


@pytest.mark.parametrize(
    "message",
    [{}, {"bytes": None}, {"bytes": None, "text": None}, {"bytes": b"", "text": ""}],
)
def test_exactly_one_of_bytes_and_text(message: Event) -> None:
    error = error_of({"type": "websocket.send", **message})
    assert isinstance(error, ValueError)
    assert "exactly one" in str(error)


@pytest.mark.parametrize("message", [{"text": b"a"}, {"bytes": "a"}, {"bytes": 1}, {"text": 1}])
def test_the_types_of_bytes_and_text(message: Event) -> None:
    assert isinstance(error_of({"type": "websocket.send", **message}), TypeError)


def test_lone_surrogates_are_not_text() -> None:
    assert isinstance(error_of({"type": "websocket.send", "text": "\ud800"}), UnicodeEncodeError)


@pytest.mark.parametrize("code", [0, 999, 1004, 1006, 1015, 2000, 5000, 70000])
def test_close_codes_that_must_not_be_sent(code: int) -> None:
    error = error_of({"type": "websocket.close", "code": code})
    assert isinstance(error, ValueError)
    assert str(code) in str(error)


def test_a_close_reason_has_at_most_123_bytes() -> None:
    assert isinstance(error_of({"type": "websocket.close", "reason": "é" * 62}), ValueError)


def test_the_subprotocol_must_have_been_offered() -> None:
    error = error_of(accept={**ACCEPT, "subprotocol": "b"}, subprotocols=["a"])
    assert isinstance(error, ValueError)
    assert "scope['subprotocols']" in str(error)


# After a disconnect


@pytest.mark.parametrize("message", [TEXT_A, CLOSE_IT])
def test_send_after_a_disconnect_raises_oserror_and_is_not_logged(
    message: Event, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        seen: list[BaseException] = []

        async def app(scope: Any, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            assert (await receive())["type"] == "websocket.disconnect"
            try:
                await send(message)
            except OSError as error:
                seen.append(error)
                raise

        link = await Link(app).turn()
        await link.feed(close(1000))
        assert "1000" in str(seen[0])
        await link.end()

    asyncio.run(run())
    assert not caplog.records


def test_what_follows_from_it_is_a_warning_and_not_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        async def app(scope: Any, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()
            try:
                await send(TEXT_A)
            except OSError:
                raise LookupError("as Starlette does") from None

        link = await Link(app).turn()
        await link.feed(close(1000))
        await link.end()

    asyncio.run(run())
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.exc_info is None


# How an app ends


@in_loop
async def test_an_app_that_returns_closes_with_1000() -> None:
    link = await Link(App()).turn(10)
    assert link.sent == server_close(1000)
    await link.feed(close(1000))
    assert link.transport.calls == ["close"]


def test_an_app_that_raises_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async def app(scope: Any, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            raise LookupError("oh")

        link = await Link(app).turn(10)
        assert link.sent == server_close(1011, b"internal error")

    asyncio.run(run())
    (record,) = caplog.records
    assert record.exc_info is not None


@pytest.mark.parametrize("fails", [True, False])
def test_an_app_that_does_not_answer_the_handshake_is_500(
    fails: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async def app(scope: Any, receive: Receive, send: Send) -> None:
            if fails:
                raise LookupError("oh")

        link = await Link(app).turn(10)
        assert link.status == 500
        assert link.transport.calls == ["close"]

    asyncio.run(run())
    assert len(caplog.records) == 1


def test_an_app_that_is_not_a_coroutine_function_is_500(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        def app(scope: Any, receive: Receive, send: Send) -> None:
            raise LookupError("oh")

        link = await Link(app).turn(10)
        assert link.status == 500

    asyncio.run(run())
    assert len(caplog.records) == 1


@in_loop
async def test_an_app_that_is_cancelled_closes_with_1011() -> None:
    link = await Link(forever).turn()
    link.session.task.cancel()
    await link.turn()
    assert link.sent == server_close(1011, b"internal error")


@in_loop
async def test_a_session_stays_in_websockets_until_both_ends_are_done() -> None:
    link = await Link(App(receives=1)).turn()
    assert link.service.websockets == {link.session}
    await link.feed(close(1000))
    assert link.session.task.done()
    assert link.service.websockets == {link.session}
    link.protocol.connection_lost(None)
    assert link.service.websockets == set()


def test_what_is_over_is_freed_without_the_cycle_collector() -> None:
    def sessions() -> int:
        return sum(isinstance(thing, Session) for thing in gc.get_objects())

    async def run() -> None:
        link = await Link(echo).turn()
        await link.feed(HI * 3)
        await link.feed(HI + close(1000))
        link.protocol.connection_lost(None)
        await link.turn()
        assert link.session.task.done()

    gc.collect()
    gc.disable()
    try:
        before = sessions()
        asyncio.run(run())
        assert sessions() == before
    finally:
        gc.enable()


@in_loop
async def test_each_app_has_a_copy_of_the_context() -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        seen.append(variable.get())
        variable.set("the app's")
        await receive()
        await send(ACCEPT)
        await receive()
        seen.append(variable.get())

    link = Link(app)
    await link.turn()
    await link.feed(HI)
    assert seen == ["unset", "the app's"]
    assert variable.get() == "unset"


# Refusals


@in_loop
async def test_close_before_accept_is_403() -> None:
    link = await Link(App(CLOSE_IT, receives=1, accept=None)).turn()
    assert link.status == 403
    assert link.transport.calls == ["close"]


DENIALS: dict[str, tuple[list[Event], bytes]] = {
    "length-from-the-body": (
        [DENY, BODY],
        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno",
    ),
    "no-body": (
        [DENY, {"type": "websocket.http.response.body"}],
        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    ),
    "chunked": (
        [DENY, {**BODY, "more_body": True}, {**BODY, "body": b"", "more_body": True}, BODY],
        b"HTTP/1.1 401 Unauthorized\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        b"2\r\nno\r\n2\r\nno\r\n0\r\n\r\n",
    ),
    "declared-length": (
        [{**DENY, "headers": [(b"Content-Length", b"4")]}, {**BODY, "more_body": True}, BODY],
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\nconnection: close\r\n\r\nnono",
    ),
    "bodiless": (
        [{**DENY, "status": 204, "headers": [(b"x", b"y")]}, BODY],
        b"HTTP/1.1 204 No Content\r\nx: y\r\nconnection: close\r\n\r\n",
    ),
    "unknown-status": (
        [{**DENY, "status": 599}, BODY],
        b"HTTP/1.1 599 \r\ncontent-length: 2\r\nconnection: close\r\n\r\nno",
    ),
}


@pytest.mark.parametrize(("sends", "answer"), DENIALS.values(), ids=DENIALS)
def test_denial(sends: list[Event], answer: bytes) -> None:
    async def run() -> None:
        app = App(*sends, accept=None, receives=1)
        link = await Link(app).turn()
        assert b"".join(link.transport.written) == answer
        assert link.transport.calls == ["close"]
        assert app.events[-1]["code"] == 1006

    asyncio.run(run())


@pytest.mark.parametrize(
    "sends",
    [
        [{**DENY, "status": 101}],
        [{**DENY, "status": 600}],
        [{**DENY, "status": "401"}],
        [{**DENY, "headers": [(b"x", b"a\r\nb: c")]}, BODY],
        [{**DENY, "headers": [(b"content-length", b"x")]}, BODY],
        [{**DENY, "headers": [(b"content-length", b"2"), (b"content-length", b"2")]}, BODY],
    ],
)
def test_denials_that_cannot_be_sent(sends: list[Event]) -> None:
    assert isinstance(error_of(*sends, accept=None), ValueError)


@pytest.mark.parametrize("length", [b"1", b"3"])
def test_a_denial_has_the_length_that_it_declares(length: bytes) -> None:
    error = error_of({**DENY, "headers": [(b"content-length", length)]}, BODY, accept=None)
    assert isinstance(error, RuntimeError)


def test_a_denial_that_is_not_finished_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        link = await Link(App(DENY, {**BODY, "more_body": True}, accept=None)).turn()
        assert link.transport.calls == ["write_eof"]

    asyncio.run(run())
    assert len(caplog.records) == 1


# Closing


@in_loop
async def test_the_app_s_close_waits_for_the_peer_s() -> None:
    app = App({**CLOSE_IT, "code": 3000, "reason": "done"}, receives=1)
    link = await Link(app).turn()
    assert link.sent == server_close(3000, b"done")
    assert app.events[-1] == {"type": "websocket.disconnect", "code": 3000, "reason": "done"}
    assert link.transport.calls == []
    await link.feed(HI)
    assert link.transport.calls == []
    await link.feed(close(3000))
    assert link.transport.calls == ["close"]


@in_loop
async def test_a_peer_that_does_not_answer_a_close_is_cut_off_in_time() -> None:
    link = await Link(App()).turn()
    for now in (100, 101, 109):
        link.session.sweep(now)
    assert link.transport.calls == []
    link.session.sweep(110)
    assert link.transport.calls == ["abort"]


@in_loop
async def test_a_peer_that_does_not_hang_up_is_cut_off_in_time() -> None:
    link = await Link(App(receives=1)).turn()
    await link.feed(close(1000))
    assert link.transport.calls == ["write_eof"]
    link.session.sweep(1)
    link.session.sweep(11)
    assert link.transport.calls == ["write_eof", "abort"]


@in_loop
async def test_over_tls_which_has_no_half_close_it_closes_at_once() -> None:
    link = await Link(App(receives=1), tls=True).turn()
    await link.feed(close(1000))
    assert link.transport.calls == ["close"]


@in_loop
async def test_shutdown_closes_with_1012() -> None:
    app = App(receives=1)
    link = await Link(app).turn()
    link.session.shutdown()
    await link.turn()
    assert link.sent == server_close(1012, b"service restart")
    assert app.events[-1]["code"] == 1012
    link.session.shutdown()
    assert link.sent == server_close(1012, b"service restart")


@in_loop
async def test_shutdown_before_accept_is_503() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        assert (await receive())["code"] == 1006

    link = await Link(app).turn()
    link.session.shutdown()
    await link.turn()
    assert link.status == 503
    assert link.transport.calls == ["close"]


@in_loop
async def test_abort_ends_both() -> None:
    link = await Link(forever).turn()
    link.session.abort()
    await link.turn()
    assert link.transport.calls[-1] == "abort" or "abort" in link.transport.calls
    assert link.session.task.cancelled()


# Keep-alive


async def pinged(**config: Any) -> Link:
    link = await Link(forever, options(**config)).turn()
    link.session.sweep(100)
    link.session.sweep(119)
    assert link.sent == b""
    link.session.sweep(120)
    await link.turn()
    assert link.sent == server_frame(PING, b"ping")
    return link


@in_loop
async def test_a_ping_each_interval() -> None:
    link = await pinged()
    await link.feed(frame(PONG, b"ping"))
    for now in (121, 130, 140):
        link.session.sweep(now)
    await link.turn()
    assert link.sent == server_frame(PING, b"ping")
    link.session.sweep(141)
    await link.turn()
    assert link.sent == server_frame(PING, b"ping") * 2


@in_loop
async def test_no_pong_closes_with_1011() -> None:
    link = await pinged()
    link.session.sweep(139)
    await link.turn()
    assert link.sent == server_frame(PING, b"ping")
    link.session.sweep(140)
    assert link.sent.endswith(server_close(1011, b"keepalive ping timeout"))
    assert link.transport.calls == ["write_eof"]


@in_loop
async def test_the_middle_of_a_long_frame_counts_as_life() -> None:
    link = await pinged()
    for now in range(125, 300, 10):
        await link.feed(part(BINARY, bytes(5000))[:100])
        link.session.sweep(now)
    assert link.transport.calls == []


@in_loop
async def test_a_peer_that_is_not_read_is_not_blamed() -> None:
    link = await Link(forever, options(ws_max_queue=1)).turn()
    await link.feed(HI * 2)
    assert link.transport.calls == ["pause_reading"]
    for now in range(100, 300, 10):
        link.session.sweep(now)
    await link.turn()
    assert link.sent == server_frame(PING, b"ping")
    assert link.transport.calls == ["pause_reading"]


@in_loop
async def test_without_an_interval_there_are_no_pings() -> None:
    link = await Link(forever, options(ws_ping_interval=0)).turn()
    for now in range(100, 1000, 10):
        link.session.sweep(now)
    await link.turn()
    assert link.sent == b""


@in_loop
async def test_without_a_timeout_there_are_pings_and_no_blame() -> None:
    link = await pinged(ws_ping_timeout=0)
    for now in range(130, 181, 10):
        link.session.sweep(now)
    await link.turn()
    assert link.sent == server_frame(PING, b"ping") * 4
    assert link.transport.calls == []


@in_loop
async def test_one_pong_is_owed_to_a_peer_that_does_not_read() -> None:
    link = await Link(forever).turn()
    link.protocol.pause_writing()
    await link.feed(b"".join(frame(PING, b"%d" % i) for i in range(1000)))
    assert link.sent == b""
    link.protocol.resume_writing()
    await link.turn()
    assert link.sent == server_frame(PONG, b"999")


@in_loop
async def test_a_peer_that_sends_but_never_reads_is_cut_off() -> None:
    link = await Link(forever, options(timeout_send=60)).turn()
    link.protocol.pause_writing()
    link.transport.waiting = 70_000
    for now in range(100, 160, 10):
        await link.feed(frame(PONG))
        link.session.sweep(now)
    link.transport.waiting = 69_000  # it reads a little
    for now in range(160, 219, 10):
        await link.feed(frame(PONG))
        link.session.sweep(now)
    assert link.transport.calls == []
    link.session.sweep(221)
    assert link.transport.calls == ["abort"]


# Backpressure


@in_loop
async def test_a_full_queue_stops_reading_until_the_app_has_taken_all() -> None:
    taken: list[Event] = []
    go = asyncio.Semaphore(0)

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        while True:
            await go.acquire()
            taken.append(await receive())

    link = await Link(app, options(ws_max_queue=4)).turn()
    await link.feed(b"".join(frame(TEXT, b"%d" % i) for i in range(10)))
    assert link.transport.calls == ["pause_reading"]
    for _ in range(9):
        go.release()
    await link.turn(20)
    assert [event["text"] for event in taken] == list("012345678")
    assert link.transport.calls == ["pause_reading"]
    go.release()
    await link.turn()
    assert link.transport.calls == ["pause_reading", "resume_reading"]
    await link.feed(frame(TEXT, b"last"))
    go.release()
    await link.turn()
    assert taken[-1]["text"] == "last"
    link.session.abort()
    await link.turn()


@in_loop
async def test_a_frame_that_has_only_begun_behind_a_full_queue_is_read_on() -> None:
    go = asyncio.Event()
    taken: list[Event] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await go.wait()
        while (event := await receive())["type"] == "websocket.receive":
            taken.append(event)

    link = await Link(app, options(ws_max_queue=1)).turn()
    second = frame(BINARY, bytes(1000))
    await link.feed(HI + second[:500])
    assert link.transport.calls == ["pause_reading"]
    go.set()
    await link.turn()
    assert link.transport.calls == ["pause_reading", "resume_reading"]
    await link.feed(second[500:])
    assert len(taken) == 2
    await link.end()


@in_loop
async def test_a_queue_of_a_megabyte_stops_reading_too() -> None:
    link = await Link(forever).turn()
    for _ in range(4):
        await link.feed(frame(BINARY, bytes(300_000)))
    assert link.transport.calls == ["pause_reading"]
    link.session.abort()
    await link.turn()


@in_loop
async def test_what_comes_before_accept_is_kept_to_a_limit() -> None:
    go = asyncio.Event()
    seen: list[Event] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await go.wait()
        await send(ACCEPT)
        for _ in range(3):
            seen.append(await receive())

    link = await Link(app, early=HI).turn()
    await link.feed(frame(BINARY, bytes(60_000)))
    assert link.transport.calls == []
    await link.feed(frame(BINARY, bytes(60_000)))
    assert link.transport.calls == ["pause_reading"]
    go.set()
    await link.turn()
    assert [len(event.get("text") or event.get("bytes")) for event in seen] == [2, 60_000, 60_000]
    assert link.transport.calls == ["pause_reading", "resume_reading"]


@in_loop
async def test_the_app_s_close_reads_on_past_what_it_did_not_receive() -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await go.wait()
        await send(CLOSE_IT)

    link = await Link(app, options(ws_max_queue=1)).turn()
    await link.feed(HI * 3 + close(1000))
    assert link.transport.calls == ["pause_reading"]
    go.set()
    await link.turn()
    assert link.sent == server_close(1000)
    assert "close" in link.transport.calls


# receive() and send() as awaitables


@in_loop
async def test_receive_in_a_task_of_its_own() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.create_task(receive())
        await asyncio.create_task(send(ACCEPT))
        waiting = asyncio.create_task(receive())
        seen.append(await asyncio.wait_for(receive(), 10))
        seen.append(await waiting)

    link = await Link(app).turn(8)
    await link.feed(HI + frame(TEXT, b"2"))
    await link.turn(8)
    assert sorted(event["text"] for event in seen) == ["2", "Hi"]


@in_loop
async def test_a_receive_that_is_cancelled_takes_nothing() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        for _ in range(2):
            waiting = asyncio.create_task(receive())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await receive()
        seen.append(await receive())

    link = await Link(app).turn(20)
    await link.feed(HI)
    assert seen == [{"type": "websocket.receive", "text": "Hi"}]


@in_loop
async def test_two_that_wait_to_receive_each_get_one() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        first, second, third = (asyncio.create_task(receive()) for _ in range(3))
        await asyncio.sleep(0)
        second.cancel()
        seen.extend([await third, await first])

    link = await Link(app).turn(8)
    await link.feed(HI)
    await link.feed(frame(TEXT, b"2"))
    assert sorted(event["text"] for event in seen) == ["2", "Hi"]


@in_loop
async def test_current_task_is_the_same_from_first_to_last() -> None:
    tasks = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        tasks.append(asyncio.current_task())
        await receive()
        await send(ACCEPT)
        while (await receive())["type"] == "websocket.receive":
            tasks.append(asyncio.current_task())
            await asyncio.sleep(0)
            tasks.append(asyncio.current_task())

    link = await Link(app).turn()
    await link.feed(HI * 2)
    await link.feed(HI)
    assert set(tasks) == {link.session.task}
    assert len(tasks) == 7
    await link.end()


def test_an_exit_in_the_app_stops_the_loop_and_not_the_transport() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await receive()
        raise SystemExit(3)

    async def run() -> None:
        link = await Link(app).turn()
        await link.feed(HI)

    with pytest.raises(SystemExit):
        asyncio.run(run())
