import asyncio
from collections.abc import AsyncIterable

from blacksheep import Application, Response, StreamedContent, WebSocket, json, text
from blacksheep.server.sse import ServerSentEvent

app = Application()
app.use_sessions("of the tests")


@app.on_stop
async def stopped():
    print("app: stopped", flush=True)


@app.router.get("/")
async def hello():
    return text("hello")


@app.router.post("/upload")
async def upload(request):
    return json({part.name.decode(): len(part.data) for part in await request.files()})


@app.router.post("/raw")
async def raw(request):
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return text(str(size))


@app.router.get("/stream")
async def stream():
    async def lines():
        for number in range(100):
            await asyncio.sleep(0)
            yield f"line {number}\n".encode()

    return Response(200, content=StreamedContent(b"text/plain", lines))


@app.router.get("/events")
async def events() -> AsyncIterable[ServerSentEvent]:
    for number in range(2000):
        yield ServerSentEvent({"number": number})
        await asyncio.sleep(0.001)


@app.router.get("/count")
async def count(request):
    request.session["count"] = request.session.get("count", 0) + 1
    return json({"count": request.session["count"]})


@app.router.get("/fail")
async def fail():
    raise RuntimeError("on purpose")


@app.router.ws("/echo")
async def echo(websocket: WebSocket):
    await websocket.accept()
    while True:
        await websocket.send_text(await websocket.receive_text())
