"""The opening handshake (RFC 6455 section 4): a parsed head in, the head of the answer out."""

import binascii
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha1

from fastserve.errors import Refusal
from fastserve.websocket.deflate import Parameters
from httpparser.http1 import TCHAR

__all__ = [
    "Request",
    "accept",
    "extensions",
    "is_wanted",
    "read",
]

Headers = Iterable[tuple[bytes, bytes]]

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TOKEN = TCHAR + "+"
IS_TOKEN = re.compile(TOKEN)
# RFC 6455 9.1: a quoted value must be a token once unquoted
PARAMETER = re.compile(rf'[ \t]*;[ \t]*({TOKEN})(?:[ \t]*=[ \t]*(?:({TOKEN})|"({TOKEN})"))?')
EXTENSION = re.compile(rf"[ \t]*({TOKEN})((?:{PARAMETER.pattern})*)[ \t]*(?:,|$)")
# the handshake's own fields, and those that would frame a body
RESERVED = frozenset(
    {
        b"connection",
        b"content-length",
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
        b"sec-websocket-protocol",
        b"transfer-encoding",
        b"upgrade",
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a valid opening handshake asks for."""

    key: bytes | None  # over HTTP/2 there is none. RFC 8441 5
    subprotocols: list[str]
    extensions: list[tuple[str, Parameters]]


def is_wanted(upgrade: bytes) -> bool:
    """Whether an Upgrade field, which is a list (RFC 9110 7.8), names websocket."""
    return b"websocket" in (name.strip() for name in upgrade.lower().split(b","))


def read(method: str | bytes, http_version: str, headers: Headers) -> Request:
    """Check a request head, field names in lower case; raises Refusal.

    RFC 6455 4.2.1 over HTTP/1.1, RFC 8441 5 over HTTP/2, whose session has checked :protocol.
    """
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        fields.setdefault(name, []).append(value)
    if http_version == "2":
        if fields.get(b"sec-websocket-version") != [b"13"]:
            raise Refusal(400, "Sec-WebSocket-Version must be 13", VERSION[:1])
        return Request(None, _subprotocols(fields), _extensions(fields))
    if method not in ("GET", b"GET"):
        raise Refusal(400, "the method of a WebSocket handshake is GET")
    if http_version != "1.1":
        raise Refusal(400, "a WebSocket handshake needs HTTP/1.1")
    if len(fields.get(b"host", ())) != 1:
        raise Refusal(400, "a WebSocket handshake needs one Host")
    if b"transfer-encoding" in fields or set(fields.get(b"content-length", ())) - {b"0"}:
        raise Refusal(400, "a WebSocket handshake has no body")
    if not is_wanted(b",".join(fields.get(b"upgrade", ()))):
        raise Refusal(400, "Upgrade must name websocket")
    if "upgrade" not in (name.lower() for name in _list(fields, b"connection")):
        raise Refusal(400, "Connection must name upgrade")
    if fields.get(b"sec-websocket-version") != [b"13"]:
        # RFC 6455 4.4: say which version would do; RFC 9110 7.8 and 15.5.22: Upgrade names it
        raise Refusal(426, "Sec-WebSocket-Version must be 13", VERSION)
    return Request(_key(fields), _subprotocols(fields), _extensions(fields))


VERSION = (
    (b"sec-websocket-version", b"13"),
    (b"upgrade", b"websocket"),
    (b"connection", b"upgrade"),
)


def _list(fields: dict[bytes, list[bytes]], name: bytes) -> list[str]:
    # RFC 9110 5.6.1: several fields are one list, and empty elements do not count
    elements = b",".join(fields.get(name, ())).decode("latin-1").split(",")
    return [stripped for element in elements if (stripped := element.strip(" \t"))]


def _key(fields: dict[bytes, list[bytes]]) -> bytes:
    keys = fields.get(b"sec-websocket-key", [])
    try:
        (key,) = keys
        if len(binascii.a2b_base64(key, strict_mode=True)) == 16:
            return key
    except ValueError:  # none, several, or not base64 (binascii.Error is one too)
        pass
    raise Refusal(400, "Sec-WebSocket-Key must be 16 bytes in base64")


def _subprotocols(fields: dict[bytes, list[bytes]]) -> list[str]:
    names = _list(fields, b"sec-websocket-protocol")
    # RFC 6455 4.1: tokens, each of them once
    if len(set(names)) < len(names) or not all(map(IS_TOKEN.fullmatch, names)):
        raise Refusal(400, "Sec-WebSocket-Protocol must be a list of distinct tokens")
    return names


def extensions(value: str) -> list[tuple[str, Parameters]]:
    """What a Sec-WebSocket-Extensions value offers, in order; ValueError if it is malformed."""
    offers = []
    at = 0
    while at < len(value):
        found = EXTENSION.match(value, at)
        if not found:
            raise ValueError(f"not a list of extensions: {value!r}")
        at = found.end()
        parameters = [
            (name, token or quoted or None) for name, token, quoted in PARAMETER.findall(found[2])
        ]
        offers.append((found[1], parameters))
    return offers


def _extensions(fields: dict[bytes, list[bytes]]) -> list[tuple[str, Parameters]]:
    try:
        return extensions(",".join(_list(fields, b"sec-websocket-extensions")))
    except ValueError:
        # RFC 6455 9.1: a value that does not conform fails the connection
        raise Refusal(400, "Sec-WebSocket-Extensions is not a list of extensions") from None


def accept(
    request: Request, subprotocol: str | None, extension: str | None, headers: Headers
) -> list[tuple[bytes, bytes]]:
    """The fields of the answer (4.2.2), but for Upgrade and Connection; `headers` are the app's.

    ValueError when the app names a subprotocol that was not offered or a field that is not its own.
    """
    fields = []
    if request.key is not None:
        fields.append((b"sec-websocket-accept", b64encode(sha1(request.key + GUID).digest())))
    if subprotocol is not None:
        if subprotocol not in request.subprotocols:
            raise ValueError(
                f"subprotocol {subprotocol!r} was not offered: choose one of scope['subprotocols'] "
                f"{request.subprotocols} or None"
            )
        fields.append((b"sec-websocket-protocol", subprotocol.encode()))
    if extension is not None:
        fields.append((b"sec-websocket-extensions", extension.encode()))
    for name, value in headers:
        if name.lower() in RESERVED:
            raise ValueError(f"{name.decode('latin-1')!r} is the server's own field in a handshake")
        fields.append((name, value))
    return fields
