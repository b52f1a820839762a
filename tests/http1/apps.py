"""Applications for these tests, and requests to them."""

import asyncio

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def get(path):
    return b"GET " + path + b" HTTP/1.1\r\nHost: h\r\n\r\n"


def sized(count, data=b""):
    return POST + b"Content-Length: %d\r\n\r\n" % count + data


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def start(status=200, *headers):
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data=b"", more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


async def answer(send, data=b"ok"):
    await send(start())
    await send(body(data))


async def read(receive):
    """The whole body; None when the client went away."""
    data, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        data += message["body"]
        more = message["more_body"]
    return data


async def hello(scope, receive, send):
    await answer(send)


class Gated:
    """Answers with the path once the gate opens; `calls` has the paths, `ends` what became of
    them: an answer, or the name of an error."""

    def __init__(self):
        self.gate = asyncio.Event()
        self.calls = []
        self.ends = []

    async def __call__(self, scope, receive, send):
        self.calls.append(scope["path"])
        try:
            await self.gate.wait()
            await self.work(scope, receive, send)
        except BaseException as error:
            self.ends.append(type(error).__name__)
            raise
        self.ends.append("answered")

    async def work(self, scope, receive, send):
        await answer(send, scope["path"].encode())


class Flood:
    """Sends so many parts; `sent` is how many were taken, `error` what send() raised."""

    def __init__(self, count, size, final=True):
        self.part, self.count, self.final = b"x" * size, count, final
        self.calls = self.sent = 0
        self.error = None

    async def __call__(self, scope, receive, send):
        self.calls += 1
        await send(start())
        try:
            for _ in range(self.count):
                await send(body(self.part, True))
                self.sent += 1
            if self.final:
                await send(body())
        except BaseException as error:
            self.error = error
            raise
