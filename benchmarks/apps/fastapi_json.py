"""JSON by FastAPI: parameters are converted, the answer is validated."""

import asyncio

from fastapi import FastAPI
from pydantic import BaseModel


class Item(BaseModel):
    number: int
    name: str
    tags: list[str]


app = FastAPI(openapi_url=None)


@app.get("/items/{number}")
async def item(number: int, name: str = "none") -> Item:
    return Item(number=number, name=name, tags=["a", "b"])


@app.get("/later/{number}")
async def later(number: int, name: str = "none") -> Item:
    """As one that has to wait for a database: it goes on in a later turn of the loop."""
    await asyncio.sleep(0)
    return await item(number, name)
