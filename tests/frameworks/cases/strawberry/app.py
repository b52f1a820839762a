import asyncio
from collections.abc import AsyncGenerator

import strawberry
from strawberry.asgi import GraphQL


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"Hello, {name}!"


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def add(self, a: int, b: int) -> int:
        await asyncio.sleep(0)
        return a + b


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, up_to: int = 1_000_000) -> AsyncGenerator[int, None]:
        try:
            for number in range(up_to):
                yield number
                await asyncio.sleep(0.001)
        finally:
            print("app: the count has ended", flush=True)


app = GraphQL(strawberry.Schema(Query, Mutation, Subscription))
