"""JSON by FastAPI: parameters are converted, the answer is validated."""

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
