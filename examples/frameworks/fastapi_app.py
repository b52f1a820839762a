"""FastAPI: `fastserve examples.frameworks.fastapi_app:app`."""

import asyncio
import json
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from .items import Items


@asynccontextmanager
async def lifespan(app):
    app.state.items = Items()
    yield
    print("stopped", flush=True)


app = FastAPI(lifespan=lifespan)


class NewItem(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    price: Annotated[float, Field(ge=0)]


@app.get("/items")
async def list_items(request: Request):
    return request.app.state.items.all()


@app.post("/items", status_code=201)
async def create_item(request: Request, item: NewItem):
    return request.app.state.items.add(item.name, item.price)


@app.get("/items/{number}")
async def get_item(request: Request, number: int):
    item = request.app.state.items.get(number)
    if item is None:
        raise HTTPException(404, "there is no such item")
    return item


@app.delete("/items/{number}", status_code=204)
async def delete_item(request: Request, number: int):
    if not request.app.state.items.remove(number):
        raise HTTPException(404, "there is no such item")


@app.get("/count")
async def count(to: Annotated[int, Query(ge=1, le=1000)]):
    async def lines():
        for number in range(1, to + 1):
            yield json.dumps({"count": number}) + "\n"
            await asyncio.sleep(0)

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@app.websocket("/echo")
async def echo(socket: WebSocket):
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass
