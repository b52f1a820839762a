import asyncio
import contextlib
from typing import Annotated

from fastapi import (
    BackgroundTasks,
    Depends,
    FastAPI,
    Form,
    Header,
    HTTPException,
    UploadFile,
    WebSocket,
    WebSocketDisconnect,
)
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

done = []
finished = asyncio.Event()


@contextlib.asynccontextmanager
async def lifespan(app):
    yield
    print("app: stopped", flush=True)


app = FastAPI(lifespan=lifespan, title="A test")


class Item(BaseModel):
    name: str
    price: float


async def resource():
    done.append("taken")
    try:
        yield "resource"
    finally:
        done.append("given back")


@app.get("/")
def hello():
    return {"hello": "world"}


@app.post("/items/{number}", status_code=201)
async def create(number: int, item: Item, x_token: Annotated[str, Header()] = ""):
    return {"number": number, "total": item.price * number, "token": x_token}


@app.post("/upload")
async def upload(files: list[UploadFile], note: Annotated[str, Form()] = ""):
    return [{"name": file.filename, "size": len(await file.read())} for file in files]


@app.get("/stream")
async def stream():
    async def lines():
        for number in range(5):
            await asyncio.sleep(0)
            yield f"line {number}\n"

    return StreamingResponse(lines(), media_type="text/plain")


@app.get("/dependency")
async def dependency(value: Annotated[str, Depends(resource)]):
    return value


@app.get("/background")
async def background(tasks: BackgroundTasks):
    tasks.add_task(work, "task")
    return "later"


async def work(name):
    await asyncio.sleep(0)
    done.append(name)
    finished.set()


@app.get("/finished")
async def when_finished():
    await finished.wait()
    return done


@app.get("/teapot")
async def teapot():
    raise HTTPException(418, "I am a teapot", {"x-kind": "tea"})


@app.get("/fail")
async def fail():
    raise RuntimeError("on purpose")


@app.websocket("/chat/{room}")
async def chat(websocket: WebSocket, room: str, token: str = ""):
    if not token:
        raise HTTPException(401, "no token")
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive_json()
            await websocket.send_json({"room": room, "heard": message})
            await websocket.send_bytes(bytes(3))
    except WebSocketDisconnect as gone:
        print("app: left with", gone.code, flush=True)
