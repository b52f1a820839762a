import asyncio
import contextlib
from pathlib import Path

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

done = asyncio.Event()


@contextlib.asynccontextmanager
async def lifespan(app):
    yield {"greeting": "hello"}
    print("app: stopped", flush=True)


async def hello(request):
    return PlainTextResponse(request.state.greeting)


async def upload(request):
    async with request.form() as form:
        files = {name: len(await item.read()) for name, item in form.items()}
    return JSONResponse(files)


async def raw_upload(request):
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return PlainTextResponse(str(size))


async def stream(request):
    async def numbers():
        for number in range(1000):
            yield f"{number}\n"

    return StreamingResponse(numbers(), media_type="text/plain")


async def work(result):
    await asyncio.sleep(0)
    done.result = result
    done.set()


async def background(request):
    return PlainTextResponse("later", background=BackgroundTask(work, "done"))


async def finished(request):
    await done.wait()
    return PlainTextResponse(done.result)


async def count(request):
    request.session["count"] = request.session.get("count", 0) + 1
    return JSONResponse(request.session)


async def file(request):
    return FileResponse(Path(__file__).with_name("requirements.txt"), headers={"etag": "fixed"})


async def fail(request):
    raise RuntimeError("on purpose")


async def echo(websocket):
    await websocket.accept(subprotocol="chat", headers=[(b"x-extra", b"yes")])
    async for message in websocket.iter_text():
        if message == "bye":
            await websocket.close(4001, "as asked")
            return
        await websocket.send_json({"heard": message})
    print("app: the client has left", flush=True)


async def refuse(websocket):
    await websocket.close()


app = Starlette(
    lifespan=lifespan,
    middleware=[
        Middleware(SessionMiddleware, secret_key="of the tests"),
        Middleware(GZipMiddleware, minimum_size=500),
    ],
    routes=[
        Route("/", hello),
        Route("/upload", upload, methods=["POST"]),
        Route("/raw", raw_upload, methods=["POST"]),
        Route("/stream", stream),
        Route("/background", background),
        Route("/finished", finished),
        Route("/count", count),
        Route("/file", file),
        Route("/fail", fail),
        WebSocketRoute("/echo", echo),
        WebSocketRoute("/refuse", refuse),
    ],
)
