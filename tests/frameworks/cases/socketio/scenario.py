import asyncio

import socketio

TRIED = (
    "by its own client: polling, WebSocket and the change from one to the other; rooms, "
    "acknowledgements, binary data, refusal"
)


def visit(visitor):
    assert visitor.get("/").text.startswith("python-socketio")
    visitor.get("/socket.io/?EIO=3", status=400)
    for transports in (["polling"], ["websocket"], ["polling", "websocket"]):
        asyncio.run(talk(visitor, transports))
    asyncio.run(refused(visitor))


async def talk(visitor, transports):
    heard = asyncio.Queue()
    async with client(visitor, transports) as first, client(visitor, transports) as second:
        second.on("said", heard.put)
        text = await first.call("say", "hello" * 1000)
        visitor.note(f"acknowledged over {transports}", text)
        visitor.note("heard", await asyncio.wait_for(heard.get(), 10))
        data = await second.call("reverse", bytes(range(256)) * 100)
        assert data == bytes(reversed(range(256))) * 100
        visitor.note("transport", [first.transport(), second.transport()])


class client:  # noqa: N801
    """A client that is connected in the block."""

    def __init__(self, visitor, transports):
        self.visitor = visitor
        self.transports = transports
        self.client = socketio.AsyncClient()

    async def __aenter__(self):
        await self.client.connect(
            self.visitor.url, transports=self.transports, auth={"token": "right"}
        )
        return self.client

    async def __aexit__(self, *error):
        await self.client.disconnect()


async def refused(visitor):
    client = socketio.AsyncClient()
    try:
        await client.connect(visitor.url, auth={"token": "wrong"})
    except socketio.exceptions.ConnectionError as error:
        visitor.note("refused", str(error))
    else:
        raise AssertionError("it is accepted")
    finally:
        await client.disconnect()
