"""Litestar: `fastserve examples.frameworks.litestar_app:app`."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from litestar import Litestar, Request, Response, WebSocket, delete, get, post, websocket
from litestar.datastructures import State
from litestar.exceptions import NotFoundException, ValidationException, WebSocketDisconnect
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Stream
from msgspec import Meta

from .items import Items


@asynccontextmanager
async def lifespan(app):
    app.state.shelf = Items()  # state.items is a method
    yield
    print("stopped", flush=True)


@dataclass
class NewItem:
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    price: Annotated[float, Meta(ge=0)]


@get("/items")
async def list_items(state: State) -> list[dict]:
    return state.shelf.all()


@post("/items")
async def create_item(state: State, data: JSONBody[NewItem]) -> dict:
    return state.shelf.add(data.name, data.price)


@get("/items/{number:int}")
async def get_item(state: State, number: FromPath[int]) -> dict:
    item = state.shelf.get(number)
    if item is None:
        raise NotFoundException("there is no such item")
    return item


@delete("/items/{number:int}")
async def delete_item(state: State, number: FromPath[int]) -> None:
    if not state.shelf.remove(number):
        raise NotFoundException("there is no such item")


@get("/count")
async def count(to: Annotated[int, QueryParameter(ge=1, le=1000)]) -> Stream:
    async def lines():
        for number in range(1, to + 1):
            yield json.dumps({"count": number}) + "\n"
            await asyncio.sleep(0)

    return Stream(lines(), media_type="application/x-ndjson")


@websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


def invalid(request: Request, error: ValidationException) -> Response:
    """422 as in the other frameworks; Litestar's own is 400."""
    return Response({"detail": error.extra or error.detail}, status_code=422)


app = Litestar(
    [list_items, create_item, get_item, delete_item, count, echo],
    exception_handlers={ValidationException: invalid},
    lifespan=[lifespan],
    openapi_config=None,
)
