import asyncio

import falcon
import falcon.asgi
from falcon.asgi import SSEvent

done = asyncio.Event()


class Hello:
    async def on_get(self, request, response):
        response.content_type = "text/plain"
        response.text = "hello"

    async def on_post(self, request, response):
        response.media = {"heard": await request.get_media()}


class Upload:
    async def on_post(self, request, response):
        form = await request.get_media()
        response.media = {part.name: len(await part.stream.read()) async for part in form}


class Raw:
    async def on_post(self, request, response):
        size = 0
        async for chunk in request.stream:
            size += len(chunk)
        response.text = str(size)


class Stream:
    async def on_get(self, request, response):
        async def lines():
            for number in range(100):
                await asyncio.sleep(0)
                yield f"line {number}\n".encode()

        response.content_type = "text/plain"
        response.stream = lines()


class Events:
    async def on_get(self, request, response):
        async def numbers():
            for number in range(1_000_000):
                yield SSEvent(data=str(number).encode())
                await asyncio.sleep(0.001)

        response.sse = numbers()


class Background:
    async def on_get(self, request, response):
        async def work():
            done.set()

        response.schedule(work)
        response.status = falcon.HTTP_202

    async def on_post(self, request, response):
        await done.wait()


class Fail:
    async def on_get(self, request, response):
        raise RuntimeError("on purpose")

    async def on_post(self, request, response):
        raise falcon.HTTPForbidden(title="not for you")


class Echo:
    async def on_websocket(self, request, socket):
        if request.query_string == "no":
            raise falcon.HTTPForbidden
        await socket.accept(subprotocol="chat" if "chat" in socket.subprotocols else None)
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except falcon.WebSocketDisconnected as gone:
            print("app: left with", gone.code, flush=True)


class Stopping:
    async def process_shutdown(self, scope, event):
        print("app: stopped", flush=True)


app = falcon.asgi.App(middleware=[Stopping()])
app.add_route("/", Hello())
app.add_route("/upload", Upload())
app.add_route("/raw", Raw())
app.add_route("/stream", Stream())
app.add_route("/events", Events())
app.add_route("/background", Background())
app.add_route("/fail", Fail())
app.add_route("/echo", Echo())
