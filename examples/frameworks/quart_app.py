"""Quart: `fastserve examples.frameworks.quart_app:app`."""

import asyncio
import json

from quart import Quart, abort, current_app, request, websocket
from werkzeug.exceptions import HTTPException

from .items import Items, problems

app = Quart(__name__)


@app.while_serving
async def lifespan():
    app.items = Items()
    yield
    print("stopped", flush=True)


@app.get("/items")
async def list_items():
    return current_app.items.all()


@app.post("/items")
async def create_item():
    item = await request.get_json(force=True, silent=True)
    if found := problems(item):
        return {"detail": found}, 422
    return current_app.items.add(item["name"], item["price"]), 201


@app.get("/items/<int:number>")
async def get_item(number):
    return current_app.items.get(number) or abort(404, "there is no such item")


@app.delete("/items/<int:number>")
async def delete_item(number):
    if not current_app.items.remove(number):
        abort(404, "there is no such item")
    return "", 204


@app.get("/count")
async def count():
    to = request.args.get("to", type=int)
    if to is None or not 1 <= to <= 1000:
        return {"detail": "to must be a number from 1 to 1000"}, 422

    async def lines():
        for number in range(1, to + 1):
            yield json.dumps({"count": number}) + "\n"
            await asyncio.sleep(0)

    return lines(), {"content-type": "application/x-ndjson"}


@app.websocket("/echo")
async def echo():
    while True:
        await websocket.send(await websocket.receive())


@app.errorhandler(HTTPException)
async def http_error(error):
    return {"detail": error.description}, error.code
