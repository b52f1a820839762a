"""An id for each request: of the proxy in front, or a new one."""

import re
import secrets
from contextvars import ContextVar

HEADER = b"x-request-id"
# What a client sends goes into logs, so it must look like an id.
ALLOWED = re.compile(rb"[A-Za-z0-9._-]{1,64}")

# fastserve runs each request in a context of its own, and so do tasks that the app creates.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class RequestId:
    """Notes the id in `request_id`, and sends it with the response."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        given = dict(scope["headers"]).get(HEADER, b"")
        value = given.decode() if ALLOWED.fullmatch(given) else secrets.token_hex(8)
        request_id.set(value)

        async def adding_send(message):
            if message["type"] in ("http.response.start", "websocket.accept"):
                headers = [*message.get("headers", ()), (HEADER, value.encode())]
                message = {**message, "headers": headers}
            await send(message)

        return await self.app(scope, receive, adding_send)
