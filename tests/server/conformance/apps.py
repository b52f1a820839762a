"""What scripts call for things that they cannot say themselves."""

import asyncio
from array import array


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


async def send_body(call, kind):
    data = {
        "bytearray": bytearray(b"abc"),
        "memoryview": memoryview(b"-abc-")[1:-1],
        "words": memoryview(array("H", [1, 2])),
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
