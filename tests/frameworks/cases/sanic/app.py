from sanic import Sanic, response
from sanic.exceptions import Forbidden

app = Sanic("frameworks")
app.config.KEEP_ALIVE = True


@app.after_server_stop
async def stopped(app):
    print("app: stopped", flush=True)


@app.get("/")
async def hello(request):
    return response.text("hello")


@app.post("/upload")
async def upload(request):
    return response.json({name: len(files[0].body) for name, files in request.files.items()})


@app.post("/raw", stream=True)
async def raw(request):
    size = 0
    async for chunk in request.stream:
        size += len(chunk)
    return response.text(str(size))


@app.get("/stream")
async def stream(request):
    answer = await request.respond(content_type="text/plain")
    for number in range(100):
        await answer.send(f"line {number}\n")
    await answer.eof()


@app.get("/cookie")
async def cookie(request):
    answer = response.json({"was": request.cookies.get("seen")})
    answer.add_cookie("seen", "yes", secure=False)
    return answer


@app.get("/file")
async def file(request):
    return await response.file("requirements.txt", mime_type="text/plain", last_modified=None)


@app.get("/private")
async def private(request):
    raise Forbidden("not for you")


@app.get("/fail")
async def fail(request):
    raise RuntimeError("on purpose")


@app.websocket("/echo", subprotocols=["chat"])
async def echo(request, ws):
    while (message := await ws.recv()) is not None:
        await ws.send(message)
