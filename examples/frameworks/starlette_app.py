"""Starlette: `fastserve examples.frameworks.starlette_app:app`."""

import asyncio
import json
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from .items import Items, problems


@asynccontextmanager
async def lifespan(app):
    yield {"items": Items()}
    print("stopped", flush=True)


async def list_items(request):
    return JSONResponse(request.state.items.all())


async def create_item(request):
    try:
        item = await request.json()
    except ValueError:
        return JSONResponse({"detail": "the body is not JSON"}, 422)
    if found := problems(item):
        return JSONResponse({"detail": found}, 422)
    return JSONResponse(request.state.items.add(item["name"], item["price"]), 201)


async def get_item(request):
    item = request.state.items.get(request.path_params["number"])
    if item is None:
        raise HTTPException(404, "there is no such item")
    return JSONResponse(item)


async def delete_item(request):
    if not request.state.items.remove(request.path_params["number"]):
        raise HTTPException(404, "there is no such item")
    return Response(status_code=204)


async def count(request):
    to = request.query_params.get("to", "")
    if not (to.isdecimal() and 1 <= int(to[:5]) <= 1000):
        return JSONResponse({"detail": "to must be a number from 1 to 1000"}, 422)

    async def lines():
        for number in range(1, int(to) + 1):
            yield json.dumps({"count": number}) + "\n"
            await asyncio.sleep(0)

    return StreamingResponse(lines(), media_type="application/x-ndjson")


async def echo(socket):
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


async def http_error(request, error):
    return JSONResponse({"detail": error.detail}, error.status_code)


app = Starlette(
    routes=[
        Route("/items", list_items),
        Route("/items", create_item, methods=["POST"]),
        Route("/items/{number:int}", get_item),
        Route("/items/{number:int}", delete_item, methods=["DELETE"]),
        Route("/count", count),
        WebSocketRoute("/echo", echo),
    ],
    exception_handlers={HTTPException: http_error},
    lifespan=lifespan,
)
