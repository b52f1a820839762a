"""asyncio's interfaces: PORT asyncio|uvloop streams|protocol."""

import asyncio
import sys


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(102400):
        writer.write(data)
    writer.close()


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def serve(port: int, interface: str) -> None:
    if interface == "streams":
        server = await asyncio.start_server(answer, "127.0.0.1", port)
    else:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    port, name, interface = sys.argv[1:]
    if name == "uvloop":
        import uvloop

        uvloop.run(serve(int(port), interface))
    else:
        asyncio.run(serve(int(port), interface))


if __name__ == "__main__":
    main()
