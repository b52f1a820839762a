"""A client's request, and what of it an upstream gets."""

import re
import secrets
from math import inf

# RFC 9110 7.6.1: fields for the next hop only, in addition to those that Connection names.
HOP_BY_HOP = {
    *(b"connection", b"proxy-connection", b"keep-alive"),
    *(b"te", b"trailer", b"transfer-encoding", b"upgrade"),
}
# The gateway is the edge: it replaces these fields instead of trusting the client. The server has
# answered Expect.
REPLACED = {
    *(b"host", b"content-length", b"expect", b"x-request-id"),
    *(b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"),
}
IDEMPOTENT = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}  # RFC 9110 9.2.2
REQUEST_ID = re.compile(rb"[\w.:-]{1,128}", re.ASCII)
WHOLE = 64 * 1024  # bodies up to this size are held, so that they can be sent again


class ClientGone(Exception):
    """The client no longer waits for the response."""


class Request:
    def __init__(self, scope, receive):
        self.method = scope.get("method", "GET")
        query = scope["query_string"]
        self.target = scope["raw_path"] + b"?" + query if query else scope["raw_path"]
        self.headers = scope["headers"]
        self.fields = dict(scope["headers"])
        self.client = scope["client"][0] if scope["client"] else "unknown"  # a Unix socket's
        self.scheme = scope["scheme"]
        self.version = scope.get("http_version", "1.1")
        given = self.fields.get(b"x-request-id", b"")
        self.id = given.decode() if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        self.receive = receive
        self.body = b""  # whole, or the first part of a stream
        self.streamed = False
        self.repeatable = self.method in IDEMPOTENT
        self.deadline = inf  # loop.time() when its total_timeout is over
        self.tried = []  # upstreams
        self.upstream_seconds = None  # until the head of the last response

    async def begin_body(self):
        """Take a small body whole; of another one the first part."""
        length = self.fields.get(b"content-length")
        framed = length or b"transfer-encoding" in self.fields
        if self.version.startswith("1") and not framed:
            return
        self.streamed = not (length and int(length) <= WHOLE)
        more = True
        while more:
            part, more = await self._next_part()
            self.body += part
            if self.streamed:
                self.streamed = more
                return

    async def parts(self):
        """The body as it goes out. Then the request cannot be repeated."""
        self.repeatable = False
        part, more = self.body, True
        while True:
            if b"content-length" in self.fields:
                yield part
            else:  # RFC 9112 7.1; an empty chunk would end the body
                yield b"%x\r\n%b\r\n" % (len(part), part) * bool(part) + b"0\r\n\r\n" * (not more)
            if not more:
                return
            part, more = await self._next_part()

    async def _next_part(self):
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message.get("body", b""), message.get("more_body", False)

    def passed_fields(self):
        """The fields that an upstream gets, apart from Host and the body's length."""
        passed = [field for field in end_to_end(self.headers) if field[0] not in REPLACED]
        passed += [
            (b"via", b"%b gateway" % self.version.encode()),  # RFC 9110 7.6.3
            (b"x-request-id", self.id.encode()),
            (b"x-forwarded-for", self.client.encode()),
            (b"x-forwarded-proto", self.scheme.encode()),
            (b"x-forwarded-host", self.fields.get(b"host", b"")),
        ]
        return passed

    def head_for(self, upstream, conditions=()):
        """The head in HTTP/1.1; `conditions` take the place of the client's."""
        passed = self.passed_fields()
        if conditions:
            passed = [field for field in passed if field[0] not in CONDITIONS] + conditions
        if self.streamed and b"content-length" not in self.fields:
            passed.append((b"transfer-encoding", b"chunked"))
        elif self.streamed:
            passed.append((b"content-length", self.fields[b"content-length"]))
        elif self.body or b"content-length" in self.fields:
            passed.append((b"content-length", b"%d" % len(self.body)))
        lines = [b"%b: %b\r\n" % field for field in passed]
        start = b"%b %b HTTP/1.1\r\nhost: %b\r\n"
        start %= self.method.encode(), self.target, upstream.name.encode()
        return start + b"".join(lines) + b"\r\n"


CONDITIONS = {
    *(b"if-match", b"if-none-match", b"if-range"),
    *(b"if-modified-since", b"if-unmodified-since"),
}


def end_to_end(headers):
    """The fields without those that are for one hop only."""
    named = [value.lower() for name, value in headers if name == b"connection"]
    if not named:
        return [field for field in headers if field[0] not in HOP_BY_HOP]
    dropped = HOP_BY_HOP | {name.strip() for name in b",".join(named).split(b",")}
    return [field for field in headers if field[0] not in dropped]
