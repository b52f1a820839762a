import asyncio
from collections.abc import AsyncGenerator

from litestar import Litestar, Request, get, post, websocket_listener
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import WebsocketListener
from litestar.middleware.session.server_side import ServerSideSessionConfig
from litestar.params import Body
from litestar.response import Response, ServerSentEvent, Stream
from litestar.stores.memory import MemoryStore

done = asyncio.Event()


@get("/", media_type="text/plain")
async def hello() -> str:
    return "hello"


@post("/upload")
async def upload(
    data: UploadFile = Body(media_type=RequestEncodingType.MULTI_PART),  # noqa: B008
) -> dict[str, int]:
    return {"size": len(await data.read())}


@get("/stream")
async def stream() -> Stream:
    async def lines() -> AsyncGenerator[str, None]:
        for number in range(100):
            await asyncio.sleep(0)
            yield f"line {number}\n"

    return Stream(lines(), media_type="text/plain")


@get("/events")
async def events() -> ServerSentEvent:
    async def numbers() -> AsyncGenerator[str, None]:
        try:
            for number in range(1_000_000):
                yield str(number)
                await asyncio.sleep(0.001)
        finally:
            print("app: the events have ended", flush=True)

    return ServerSentEvent(numbers())


async def work() -> None:
    done.set()


@get("/background")
async def background() -> Response[str]:
    return Response("later", background=BackgroundTask(work))


@get("/finished")
async def finished() -> str:
    await done.wait()
    return "finished"


@get("/count")
async def count(request: Request) -> dict[str, int]:
    value = request.session.get("count", 0) + 1
    request.set_session({"count": value})
    return {"count": value}


@get("/private")
async def private() -> None:
    raise NotAuthorizedException("not for you")


@get("/fail")
async def fail() -> None:
    raise RuntimeError("on purpose")


@websocket_listener("/echo")
async def echo(data: dict[str, str]) -> dict[str, str]:
    return {"heard": data["said"]}


class Bytes(WebsocketListener):
    path = "/bytes"
    receive_mode = "binary"
    send_mode = "binary"

    async def on_receive(self, data: bytes) -> bytes:
        return data[::-1]


async def stopped() -> None:
    print("app: stopped", flush=True)


app = Litestar(
    [
        hello,
        upload,
        stream,
        events,
        background,
        finished,
        count,
        private,
        fail,
        echo,
        Bytes,
    ],
    middleware=[ServerSideSessionConfig().middleware],
    on_shutdown=[stopped],
    stores={"sessions": MemoryStore()},
)
