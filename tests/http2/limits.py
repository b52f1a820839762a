"""The server's limits, most of them by its options: RFC 9113 10.5 and RFC 9110 15.5."""

from .cases import (
    HELD,
    Answer,
    Case,
    Either,
    Ended,
    Reset,
    tell,
    until_app,
    until_begun,
    until_over,
    until_settings,
)
from .frames import (
    CANCEL,
    ENHANCE_YOUR_CALM,
    GET,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_HEADER_LIST_SIZE,
    NO_ERROR,
    POST,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    block,
    continuation,
    data,
    headers,
    pieces,
    request,
    reset,
)
from .websockets import closing, handshake, masked, talks

CALM = Ended(ENHANCE_YOUR_CALM)
HOLD = [("read",), ("tell", "begun"), ("wait", "go"), ("reply",)]


def limit(id, asks, fields, status, *sends, **more):  # noqa: A002
    """A request that is refused with a status."""
    more.setdefault("calls", 0)
    return Case(id=id, asks=asks, choice=True, expects=[Answer(status=status)],
                sends=[*long_headers(fields, end=not sends), *sends], **more)  # fmt: skip


def long_headers(fields, *, end=True):
    """In as many frames as they need."""
    parts = pieces(block(fields), 16_000)
    if len(parts) == 1:
        return [headers(1, fields, end=end)]
    return [headers(1, parts[0], done=False, end=end),
            *(continuation(1, part, done=part is parts[-1]) for part in parts[1:])]  # fmt: skip


def wide(count, size):
    return [*GET, *((b"x-%d" % number, b"v" * size) for number in range(count))]


def says(name, value):
    """The server's SETTINGS have this value."""

    def check(talk):
        assert talk.wire.settings.get(name) == value, talk.wire.settings

    return check


FIELDS = [
    limit("rfc6585-5-field", "a field above the limit is 431", wide(1, 17_000), 431),
    limit("rfc6585-5-fields", "so are fields that are too many bytes together", wide(5, 15_000),
          431),
    limit("rfc6585-5-count", "or too many", wide(140, 1), 431),
    limit("rfc9110-15.5.15-path", "a path above the limit is 414", request(path=b"/" + b"p" * 9000),
          414),
    limit("rfc6585-5-option", "the limits are options", wide(1, 200), 431,
          options={"limit_field": 100}),
    limit("rfc9110-15.5.15-option", "that of the path too", request(path=b"/" + b"p" * 200), 414,
          options={"limit_request_line": 100}),
    Case(id="rfc9113-6.5.2-list-size-told", asks="SETTINGS say how large a list of fields may be",
         sends=[until_settings], expects=[], options={"limit_fields": 5000}, choice=True,
         check=says(MAX_HEADER_LIST_SIZE, 5000)),
    Case(id="rfc9113-10.5.1-block", asks="a field block above the limit ends the connection",
         sends=long_headers(wide(10, 4000)), expects=[CALM], choice=True, calls=0,
         options={"h2_max_field_block": 20_000}),
    Case(id="rfc9113-10.5.1-trailers", asks="trailers above the limit are refused", choice=True,
         script=[("read",), ("reply",)], options={"limit_trailers": 100},
         sends=[headers(1, POST, end=False), data(1, b"abc"),
                headers(1, [(b"x-trailer", b"v" * 200)])],
         expects=[Either(Answer(status=431), Reset(1, CANCEL, PROTOCOL_ERROR, ENHANCE_YOUR_CALM))]),
]  # fmt: skip
SIZED = [*POST, (b"content-length", b"11")]
BODIES = [
    limit("rfc9110-15.5.14-length", "a Content-Length above the limit is 413", SIZED, 413,
          data(1, b"01234567890", end=True), options={"limit_body": 10}),
    limit("rfc9110-15.5.14-body", "so is a body without one", POST, 413, data(1, b"0123456"),
          data(1, b"789012", end=True), options={"limit_body": 10}, calls=None),
    Case(id="rfc9110-15.5.14-body-fits", asks="one that fits is read", journals=[[b"0123456789"]],
         sends=[headers(1, POST, end=False), data(1, b"0123456789", end=True)], choice=True,
         options={"limit_body": 10}),
    Case(id="rfc9113-6.5.2-window-told", asks="SETTINGS say how far a body may be ahead",
         sends=[until_settings], expects=[], check=says(INITIAL_WINDOW_SIZE, 2000), choice=True,
         options={"h2_initial_window_size": 2000}),
]  # fmt: skip
FEW = {"h2_max_concurrent_streams": 2}
STREAMS = [
    Case(id="rfc9113-6.5.2-streams-told", asks="SETTINGS say how many streams may be open",
         sends=[until_settings], expects=[], check=says(MAX_CONCURRENT_STREAMS, 2), choice=True,
         options=FEW),
    Case(id="rfc9113-5.1.2-few", asks="as many as that are served", script=HOLD, options=FEW,
         sends=[headers(1, GET), headers(3, GET), until_begun, tell("go"), until_over(1),
                until_over(3), headers(5, GET)],
         expects=[Answer(1), Answer(3), Answer(5)], choice=True),
    Case(id="rfc9113-8.7-running-apps", choice=True, calls=2, options=FEW,
         asks="an app that goes on after its stream was reset counts until it returns",
         script={"/a": [("tell", "a"), ("wait", "go")], "/b": [("tell", "b"), ("wait", "go")],
                 "/": [("reply",)]},
         sends=[headers(1, request(path=b"/a")), headers(3, request(path=b"/b")), until_app("a"),
                until_app("b"), reset(1), reset(3), headers(5, GET), until_over(5), tell("go")],
         expects=[Reset(5, REFUSED_STREAM)], serves=False),
    Case(id="rfc9110-15.6.4-busy", asks="above limit_concurrency requests are 503", choice=True,
         script={"/hold": HOLD, "/": [("reply",)]}, options={"limit_concurrency": 1}, calls=1,
         sends=[headers(1, request(path=b"/hold")), until_begun, headers(3, GET), until_over(3),
                tell("go")],
         expects=[Answer(3, status=503), Answer(1)]),
    Case(id="rfc9113-10.5-resets-option", asks="h2_max_resets bounds the streams that are reset",
         script=HELD, options={"h2_max_resets": 5}, choice=True, abrupt=True,
         sends=[headers(n, GET) + reset(n) for n in range(1, 41, 2)], expects=[CALM]),
    Case(id="rfc9113-10.5-control-option", asks="h2_max_control_frames the frames for nothing",
         options={"h2_max_control_frames": 10}, choice=True, abrupt=True,
         sends=[b"\0\0\x08\x06\0\0\0\0\0abcdefgh" * 100], expects=[CALM]),
]  # fmt: skip
OTHERS = [
    Case(id="rfc9110-10.2.4-no-server", asks="Server can be turned off", choice=True,
         sends=[headers(1, GET)], options={"server_header": False, "date_header": False},
         expects=[Answer(has={b"server": None, b"date": None})]),
    Case(id="rfc9110-6.6.1-date", asks="Date and Server are sent", sends=[headers(1, GET)],
         expects=[Answer(has={b"server": b"fastserve"}, check=lambda found: has_date(found))],
         choice=True),
    Case(id="rfc9110-6.6.1-date-of-the-app", asks="unless the app sends them", choice=True,
         script=[("reply", b"ok", 200, [(b"date", b"today"), (b"server", b"mine")])],
         sends=[headers(1, GET)],
         expects=[Answer(has={b"date": b"today", b"server": b"mine"})]),
    Case(id="rfc9110-5-header-option", asks="fields of --header are sent", choice=True,
         sends=[headers(1, GET)], options={"headers": ("X-Added: yes",)},
         expects=[Answer(has={b"x-added": b"yes"})]),
    Case(id="asgi-root-path-http2", asks="root_path is the scope's", choice=True,
         script=[("scope", "root_path", "path"), ("reply",)], sends=[headers(1, GET)],
         serves=False,
         options={"root_path": "/api"}, journals=[["/api", "/api/"]]),
    talks("5-max-size-option", "ws_max_size holds here too", data(1, masked(2, b"x" * 200)),
          options={"ws_max_size": 100}, choice=True,
          expects=[Either(Answer(check=lambda found: too_large(found)),
                          Reset(1, CANCEL, NO_ERROR))]),
    talks("5-no-deflate-option", "and compression can be turned off", data(1, masked(8,
          closing(1000)), end=True), choice=True, options={"ws_per_message_deflate": False},
          fields=handshake((b"sec-websocket-extensions", b"permessage-deflate")),
          expects=[Answer(has={b"sec-websocket-extensions": None})]),
]  # fmt: skip


def has_date(found):
    assert found.get(b"date").endswith(b" GMT"), found.headers


def too_large(found):
    assert bytes(found.body[:4]) == b"\x88" + bytes([found.body[1]]) + (1009).to_bytes(2, "big")


CASES = [*FIELDS, *BODIES, *STREAMS, *OTHERS]
