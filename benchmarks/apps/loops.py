"""One loop and one protocol: PORT asyncio|uvloop streams|protocol|floor|ours.

The first two echo. `floor` answers each HTTP request with constant bytes and parses nothing, on the
loop's transport; `ours` does so on that of fastserve.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Coroutine

from fastserve.asgi._socket import Poller

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\n"
ANSWER = HEAD + b"Hello, world!"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(102400):
        writer.write(data)
    writer.close()


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Floor(Echo):
    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /mark"):
            os.getppid()  # here callgrind begins to count anew
        self.transport.write(ANSWER * data.count(b" HTTP/1.1\r\n"))


async def serve_ours(port: int) -> None:
    loop = asyncio.get_running_loop()
    poller = Poller(loop)
    with socket.create_server(("127.0.0.1", port), backlog=1024) as listener:
        listener.setblocking(False)
        while True:
            sock, _ = await loop.sock_accept(listener)
            poller.serve(sock.detach(), Floor, False)


async def serve(port: int, kind: str) -> None:
    if kind == "ours":
        return await serve_ours(port)
    if kind == "streams":
        server = await asyncio.start_server(answer, "127.0.0.1", port)
    else:
        protocol = {"protocol": Echo, "floor": Floor}[kind]
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
    return await server.serve_forever()


def run(loop: str, work: Coroutine[None, None, None]) -> None:
    if loop == "uvloop":
        import uvloop

        uvloop.run(work)
    else:
        asyncio.run(work)


if __name__ == "__main__":
    port, loop, kind = sys.argv[1:]
    run(loop, serve(int(port), kind))
