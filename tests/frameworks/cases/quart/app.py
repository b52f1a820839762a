import asyncio

from quart import Quart, make_response, request, session, websocket

app = Quart(__name__)
app.secret_key = "of the tests"
done = asyncio.Event()


@app.after_serving
async def stopped():
    print("app: stopped", flush=True)


@app.get("/")
async def hello():
    return "hello"


@app.post("/upload")
async def upload():
    return {name: len(file.read()) for name, file in (await request.files).items()}


@app.post("/raw")
async def raw():
    size = 0
    async for chunk in request.body:
        size += len(chunk)
    return str(size)


@app.get("/stream")
async def stream():
    async def lines():
        for number in range(100):
            await asyncio.sleep(0)
            yield f"line {number}\n"

    return lines(), {"content-type": "text/plain"}


@app.get("/events")
async def events():
    async def numbers():
        for number in range(1_000_000):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.001)

    response = await make_response(numbers(), {"content-type": "text/event-stream"})
    response.timeout = None
    return response


@app.get("/background")
async def background():
    async def work():
        done.set()

    app.add_background_task(work)
    return "later", 202


@app.get("/finished")
async def finished():
    await done.wait()
    return "finished"


@app.get("/count")
async def count():
    session["count"] = session.get("count", 0) + 1
    return {"count": session["count"]}


@app.get("/fail")
async def fail():
    raise RuntimeError("on purpose")


@app.websocket("/echo")
async def echo():
    if "no" in websocket.args:
        return "not you", 403
    await websocket.accept(headers={"x-extra": "yes"})
    try:
        while True:
            await websocket.send(await websocket.receive())
    except asyncio.CancelledError:
        print("app: the client has left", flush=True)
        raise
