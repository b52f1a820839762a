"""What scripts call for things that they cannot say themselves."""

import asyncio
import contextvars
import enum
import hashlib
from array import array

from .stage import VERBS, Leave


async def spoil_scope(call):
    """Note what an earlier call left, and leave something."""
    scope = call.scope
    call.journal.append([scope.pop("mark", None), len(scope["headers"]), list(scope["asgi"])])
    scope["mark"] = "mark"
    scope["headers"].append((b"spoilt", b""))
    scope["asgi"]["spoilt"] = True
    scope.setdefault("extensions", {})["spoilt"] = {}


async def use_state(call):
    state = call.scope["state"]
    state["shared"].append(1)
    call.journal += [len(state["shared"]), state.get("own", "nothing")]
    state["own"] = "something"


async def iterable_headers(call):
    headers = ((name, b"b") for name in (b"x-a", b"x-c"))
    await call.send({"type": "http.response.start", "status": 200, "headers": headers})


class Text(bytes):
    pass


class Status(enum.IntEnum):
    CREATED = 201


class Message(dict):
    pass


HEADERS = [(b"x-a", b"b")]
STARTS = {
    "enum": lambda start: {**start, "status": Status.CREATED},
    "subclasses": lambda start: {**start, "headers": [(Text(b"x-a"), Text(b"b"))]},
    "bytearray": lambda start: {**start, "headers": [(bytearray(b"x-a"), b"b")]},
    "tuple": lambda start: {**start, "headers": (HEADERS[0],)},
    "items": lambda start: {**start, "headers": dict(HEADERS).items()},
    "failing": lambda start: {**start, "headers": (1 / 0 for _ in HEADERS)},
    "message": lambda start: Message(start, headers=HEADERS),
}


async def try_start(call, name):
    await VERBS["try"](call, STARTS[name]({"type": "http.response.start", "status": 200}))


async def send_body(call, kind):
    data = {
        "bytearray": bytearray(b"abc"),
        "memoryview": memoryview(b"-abc-")[1:-1],
        "words": memoryview(array("H", [1, 2])),
        "gaps": memoryview(b"abcdef")[::2],
        "dimensions": memoryview(b"abcdef").cast("B", (2, 3)),
        "subclass": Text(b"abc"),
    }[kind]
    await call.send({"type": "http.response.body", "body": data})


async def send_and_change(call):
    data = bytearray(b"abc")
    await call.send({"type": "http.response.body", "body": data, "more_body": True})
    data[:] = b"def"
    await call.send({"type": "http.response.body", "body": data})


async def flood(call, count):
    """Send mebibytes; tell when a send() waits, and note how many had gone by then."""
    part = {"type": "http.response.body", "body": b"x" * (1 << 20), "more_body": True}
    stuck = False
    for number in range(count):
        sending = asyncio.ensure_future(call.send(part))
        for _ in range(3):
            await asyncio.sleep(0)
        if not sending.done() and not stuck:
            stuck = True
            call.journal.append(number)
            call.run.flag("stuck").set()
        try:
            await sending
        except OSError:
            call.journal.append("lost")
            return
    call.run.flag("stuck").set()


async def receive_together(call, count):
    """Several callers: one gets the body; the others wait, and wake for http.disconnect."""
    waiting = [asyncio.ensure_future(call.receive()) for _ in range(count)]
    done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert {"http.request"} == {task.result()["type"] for task in done}
    await VERBS["reply"](call)
    messages = await asyncio.gather(*rest)
    call.journal.append(["http.disconnect", len(messages)])
    assert all(message == {"type": "http.disconnect"} for message in messages)
    raise Leave


async def cancel_receive(call):
    task = asyncio.ensure_future(call.receive())
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        call.journal.append("cancelled")


async def receive_in_task(call):
    call.journal.append(await asyncio.create_task(call.receive()))


async def digest(call):
    found, more = hashlib.sha256(), True
    while more:
        message = await call.receive()
        found.update(message["body"])
        more = message["more_body"]
    call.journal.append(found.hexdigest())


async def echo_parts(call):
    await VERBS["body"](call, b"", True)
    more = True
    while more:
        message = await call.receive()
        more = message["more_body"]
        if message["body"]:
            await VERBS["body"](call, message["body"], True)
    await VERBS["body"](call)


IN_PROGRESS = []


async def reply_path(call, *verbs):
    """Reply with the path; note how many such calls were in progress."""
    IN_PROGRESS.append(1)
    call.journal.append(len(IN_PROGRESS))
    for verb in verbs:
        await VERBS[verb](call)
    IN_PROGRESS.pop()
    await VERBS["reply"](call, call.scope["path"].encode())


async def echo_body(call):
    await VERBS["read"](call)
    await VERBS["reply"](call, call.scope["path"].encode() + b" " + call.journal[-1])


MARK = contextvars.ContextVar("mark", default="unset")


async def mark_context(call):
    call.journal.append(MARK.get())
    MARK.set("mine")


async def read_context(call):
    call.journal.append(MARK.get())


async def one_task(call):
    first = asyncio.current_task()
    assert isinstance(first, asyncio.Task)
    await asyncio.sleep(0)
    assert asyncio.current_task() is first
    await call.receive()
    assert asyncio.current_task() is first
    assert first in asyncio.all_tasks()
    assert not first.done()
    assert not first.cancelling()


async def time_out(call):
    try:
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()
    except TimeoutError:
        return
    raise AssertionError


async def wait_for(call):
    assert await asyncio.wait_for(asyncio.sleep(0, "done"), 10) == "done"
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.001)
    except TimeoutError:
        return
    raise AssertionError


async def task_group(call):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asyncio.sleep(0, number)) for number in range(3)]
    assert [task.result() for task in tasks] == [0, 1, 2]


async def inner_cancel(call):
    inner = asyncio.ensure_future(asyncio.Event().wait())
    asyncio.get_running_loop().call_soon(inner.cancel)
    try:
        await inner
    except asyncio.CancelledError:
        assert not asyncio.current_task().cancelling()
        return
    raise AssertionError


async def anyio_group(call):
    import anyio

    found = []

    async def work(number):
        await anyio.sleep(0)
        found.append(number)

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(work, number)
    assert sorted(found) == [0, 1, 2]


async def anyio_scope(call):
    import anyio

    with anyio.CancelScope() as scope:
        scope.cancel()
        await anyio.sleep(60)
    assert scope.cancelled_caught
    with anyio.move_on_after(0.001) as scope:
        await anyio.sleep(60)
    assert scope.cancelled_caught
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 60)
            group.cancel_scope.cancel()
    await anyio.sleep(0)


async def anyio_thread(call):
    import anyio.to_thread

    assert await anyio.to_thread.run_sync(sum, (1, 2)) == 3


async def anyio_library(call):
    import anyio

    assert anyio.get_current_task().name
    assert anyio.get_current_task().id == id(asyncio.current_task())


async def zero_copy(call, path, parts):
    with open(path, "rb") as file:
        await call.send({"type": "http.response.zerocopysend", "file": file, **parts})


async def try_zero_copy(call, path, parts):
    with open(path, "rb") as file:
        message = {"type": "http.response.zerocopysend", "file": file, **parts}
        await VERBS["try"](call, message)


async def zero_copy_twice(call, path):
    with open(path, "rb", buffering=0) as file:
        file.seek(5)
        message = {"type": "http.response.zerocopysend", "file": file, "count": 3}
        await call.send({**message, "more_body": True})
        await call.send(message)


async def zero_copy_and_read(call, path):
    with open(path, "rb", buffering=0) as file:
        message = {"type": "http.response.zerocopysend", "file": file, "offset": 0, "count": 10}
        await call.send(message)
        assert file.read(3) == b"012"


async def send_files(call, path, count):
    """One after the other until the client has gone."""
    with open(path, "rb") as file:
        message = {"type": "http.response.zerocopysend", "file": file, "offset": 0}
        try:
            for _ in range(count):
                await call.send({**message, "more_body": True})
        except OSError:
            call.journal.append("lost")


async def flood_at_once(call, count):
    sent = call.scope["sent"] = []
    for _ in range(count):
        await VERBS["body"](call, b"x" * (1 << 20), True)
        sent.append(1)
        call.run.flag("begun").set()
