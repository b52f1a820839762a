"""curio's tcp_server: PORT."""

import sys

import curio


async def answer(client: curio.io.Socket, address: tuple[str, int]) -> None:
    while data := await client.recv(102400):
        await client.sendall(data)


curio.run(curio.tcp_server("127.0.0.1", int(sys.argv[1]), answer))
