"""Constant bytes for each request, nothing parsed: LOOP PORT. What the kernel and a loop cost."""

import asyncio
import sys

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\n"
ANSWER = HEAD + b"Hello, world!"


class Floor(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER * data.count(b" HTTP/1.1\r\n"))


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    name, port = sys.argv[1:]
    if name == "uvloop":
        import uvloop

        uvloop.run(serve(int(port)))
    else:
        asyncio.run(serve(int(port)))


if __name__ == "__main__":
    main()
