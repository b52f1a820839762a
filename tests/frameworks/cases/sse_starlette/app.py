import asyncio

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

left = asyncio.Event()


async def hello(request):
    return PlainTextResponse("hello")


async def few(request):
    async def events():
        for number in range(3):
            yield ServerSentEvent(f"number {number}\nof three", event="count", id=str(number))
            await asyncio.sleep(0)

    return EventSourceResponse(events())


async def endless(request):
    async def events():
        try:
            for number in range(1_000_000):
                yield {"data": number}
                await asyncio.sleep(0.001)
        finally:
            left.set()

    return EventSourceResponse(events())


async def silent(request):
    async def events():
        yield {"data": "one"}
        await asyncio.Event().wait()

    return EventSourceResponse(events(), ping=1, sep="\n")


async def when_left(request):
    await left.wait()
    return PlainTextResponse("left")


app = Starlette(
    routes=[
        Route("/", hello),
        Route("/few", few),
        Route("/endless", endless),
        Route("/silent", silent),
        Route("/left", when_left),
    ]
)
