"""The types of what the app sends: what ASGI gives them is taken, anything else raises."""

from .sending import BODY, START, bad_headers, bad_start, body, length, raises, sent


def bad_body(id, asks, **parts):  # noqa: A002
    return raises(id, asks, {**BODY, **parts}, before=[("start",)], then=[("body", b"abc")],
                  body=b"abc")  # fmt: skip


def made(id, asks, name, **more):  # noqa: A002
    """A start made by this function in the app, and a body."""
    more = {"journal": ["accepted"], "body": b"abc", **more}
    return sent(id, asks, ("call", "try_start", name), ("body", b"abc"), **more)


def refused(id, asks, name):  # noqa: A002
    return sent(id, asks, ("call", "try_start", name), ("reply", b"abc"), journal=["raised"],
                body=b"abc")  # fmt: skip


CASES = [
    made("asgi-type-status-enum", "a status may be an IntEnum", "enum", status=201),
    bad_start("asgi-type-status-float", "a status is not a float", status=200.5),
    bad_start("asgi-type-status-bool", "a status is not a bool", status=True),
    bad_start("asgi-type-status-huge", "a status is not larger than a C int", status=2**40),
    made("asgi-type-name-subclass", "names and values may be of subclasses of bytes", "subclasses",
         has={b"x-a": b"b"}),
    refused("asgi-type-name-bytearray", "a name is not a bytearray", "bytearray"),
    made("asgi-type-headers-tuple", "headers may be a tuple", "tuple", has={b"x-a": b"b"}),
    made("asgi-type-headers-items", "or the items of a dict", "items", has={b"x-a": b"b"}),
    refused("asgi-type-headers-failing", "an iterable that fails fails send()", "failing"),
    bad_start("asgi-type-headers-int", "headers are not a number", headers=5),
    bad_start("asgi-type-headers-text", "header names and values are not str", headers=["ab"]),
    bad_headers("rfc9110-8.6-send-length-list", "Content-Length is not a list",
                (b"content-length", b"3, 3")),
    bad_headers("rfc9110-8.6-send-length-huge", "Content-Length has no more than 64 bits",
                length(2**64)),
    made("asgi-type-message-subclass", "a message may be of a subclass of dict", "message",
         has={b"x-a": b"b"}),
    sent("asgi-type-extra-keys", "further keys do not raise", ("try", {**START, "extra": 1}),
         ("try", {**BODY, "extra": None}), journal=["accepted"] * 2, body=b"abc"),
    bad_start("asgi-type-trailers", "trailers is a bool", trailers="no"),
    bad_body("asgi-type-more-body-none", "more_body is a bool, not None", more_body=None),
    bad_body("asgi-type-more-body-int", "not a number", more_body=1),
    bad_body("asgi-type-more-body-str", "not a text", more_body="false"),
    raises("asgi-type-type-bytes", "a type is text", {"type": b"http.response.start"}, {"type": 5}),
    sent("asgi-type-body-view", "a memoryview with gaps", ("start",), ("call", "send_body", "gaps"),
         body=b"ace"),
    sent("asgi-type-body-view-2d", "or of several dimensions", ("start",),
         ("call", "send_body", "dimensions"), body=b"abcdef"),
    sent("asgi-type-body-subclass", "or a subclass of bytes", ("start",),
         ("call", "send_body", "subclass"), body=b"abc"),
    raises("asgi-type-body-int", "a body is not a number", body(3), before=[("start",)],
           then=[("body", b"abc")], body=b"abc"),
]  # fmt: skip
