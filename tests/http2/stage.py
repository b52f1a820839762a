"""The application behind the cases: that of the HTTP/1.1 cases, with a script for each path.

`STAGE.begin()` takes one script for all requests, or a dictionary by path. Under /-/ another
process sets it; `/alive` answers without a script.
"""

import ast
import copy

from conformance.stage import CONTROL, STAGE, VERBS, Call, Leave, lifespan, obey, perform

ALIVE = "/alive"


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(scope, receive, send)
    path = scope["path"]
    if path == ALIVE:
        return await VERBS["reply"](Call(None, scope, receive, send, []), b"alive")
    if path.startswith(CONTROL):
        return await control(scope, receive, send)
    run = STAGE.run
    if not isinstance(run.script, dict):
        return await perform(run, scope, receive, send)
    run.calls += 1
    part = copy.copy(run)
    part.script = run.script[path]
    return await perform(part, scope, receive, send)


async def control(scope, receive, send):
    """As that of the HTTP/1.1 cases, without fields of a connection."""
    call = Call(None, scope, receive, send, [])
    await VERBS["read"](call)
    (body,) = call.journal
    verb = scope["path"].removeprefix(CONTROL)
    answer = await obey(verb, ast.literal_eval(body.decode()) if body else None)
    await VERBS["reply"](call, repr(answer).encode())


# What else a script can say.


async def do_accept(call, headers=(), subprotocol=None):
    message = {"type": "websocket.accept", "subprotocol": subprotocol, "headers": list(headers)}
    await call.send(message)


async def do_echo(call):
    """Each message of a WebSocket, until the client closes; note the code and the reason."""
    while (message := await call.receive())["type"] == "websocket.receive":
        await call.send({**message, "type": "websocket.send"})
    call.journal.append([message["code"], message.get("reason") or ""])


async def do_flood(call, size, count):
    """So many parts of a body, the last one empty; note how many were taken, or "lost"."""
    try:
        for number in range(count):
            await VERBS["body"](call, b"x" * size, True)
            call.run.flag(f"sent {number + 1}").set()
        await VERBS["body"](call)
    except OSError:
        call.journal.append("lost")
    else:
        call.journal.append(count)


async def do_fields(call):
    """Note the fields of the request, without its host."""
    call.journal.append([tuple(field) for field in call.scope["headers"] if field[0] != b"host"])


async def do_lost(call):
    """Wait for http.disconnect."""
    while (await call.receive())["type"] != "http.disconnect":
        pass
    call.journal.append("lost")


async def do_take(call, count):
    """Receive until there are so many bytes of the body; note how many it were."""
    taken = 0
    while taken < count:
        message = await call.receive()
        if message["type"] == "http.disconnect":
            call.journal.append(None)
            raise Leave
        taken += len(message["body"])
    call.journal.append(taken)


async def do_mirror(call):
    """A response that grows with the request."""
    await VERBS["start"](call)
    more = True
    while more:
        message = await call.receive()
        if message["type"] == "http.disconnect":
            raise Leave
        more = message.get("more_body", False)
        await VERBS["body"](call, message.get("body", b""), more)


async def do_path(call):
    """Reply with the path, as bytes."""
    await VERBS["reply"](call, call.scope["path"].encode())


async def do_size(call, size, status=200):
    await VERBS["reply"](call, b"x" * size, status)


VERBS.update(
    accept=do_accept, echo=do_echo, flood=do_flood, lost=do_lost, take=do_take, mirror=do_mirror, fields=do_fields,
    path=do_path, size=do_size,
)  # fmt: skip
