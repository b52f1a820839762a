"""The application behind the cases: a script of ASGI calls, and a journal of what came of them.

`app` is served as it is, by fastserve in the test process or by any ASGI server elsewhere. Which
script runs is set by `STAGE.begin()`, or over HTTP under /-/ when the server is another process.
"""

import ast
import asyncio
import queue
import threading

CONTROL = "/-/"


class Run:
    """One case's script and what was seen of it."""

    def __init__(self, script):
        self.script = script
        self.calls = 0
        self.scopes = []
        self.reports = queue.SimpleQueue()  # one journal for each finished call of the app
        self.flags = {}

    def flag(self, name):
        """An event that the client sets and the script waits for."""
        return self.flags.setdefault(name, threading.Event())

    async def until(self, name):
        """The script waits for a flag; the loop goes on meanwhile."""
        await asyncio.to_thread(self.flag(name).wait, 10)


class Stage:
    def __init__(self):
        self.run = Run([])

    def begin(self, script):
        self.run = Run(script)
        return self.run


STAGE = Stage()


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(scope, receive, send)
    if scope["path"].startswith(CONTROL):
        return await control(scope, receive, send)
    return await perform(STAGE.run, scope, receive, send)


async def lifespan(scope, receive, send):
    scope.get("state", {})["shared"] = []
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def perform(run, scope, receive, send):
    run.calls += 1
    run.scopes.append(scope)
    journal = []
    try:
        for verb, *args in run.script:
            await VERBS[verb](Call(run, scope, receive, send, journal), *args)
    except Leave:
        pass
    except asyncio.CancelledError:
        journal.append("cancelled")
        raise
    except BaseException as error:
        journal.append(type(error).__name__)
        raise
    finally:
        run.reports.put(journal)


class Leave(Exception):
    """The script returns early."""


class Call:
    def __init__(self, run, scope, receive, send, journal):
        self.run = run
        self.scope = scope
        self.receive = receive
        self.send = send
        self.journal = journal


class AppError(Exception):
    """What scripts raise."""


# What a script can say; each verb is a line of it.


async def do_send(call, message):
    await call.send(message)


async def do_try(call, message):
    """Send, and note whether it was accepted, raised, or raised an OSError ("lost")."""
    try:
        await call.send(message)
    except OSError:
        call.journal.append("lost")
    except Exception:
        call.journal.append("raised")
    else:
        call.journal.append("accepted")


async def do_receive(call):
    call.journal.append(dict(await call.receive()))


async def do_read(call):
    """The whole body, or None when the client went away."""
    body, more = b"", True
    while more:
        message = await call.receive()
        if message["type"] == "http.disconnect":
            call.journal.append(None)
            raise Leave
        body += message.get("body", b"")
        more = message.get("more_body", False)
    call.journal.append(body)


async def do_scope(call, *keys):
    """Note parts of the scope; a path of keys with dots."""
    for key in keys:
        value = call.scope
        for part in key.split("/"):
            value = value.get(part, "-") if isinstance(value, dict) else "-"
        call.journal.append(plain(value))


def plain(value):
    """In types that survive repr and literal_eval."""
    if isinstance(value, tuple | list):
        return type(value)(plain(item) for item in value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    known = (str, bytes, int, float, type(None))
    return value if isinstance(value, known) else type(value).__name__


async def do_reply(call, body=b"ok", status=200, headers=()):
    """A plain whole response with Content-Length."""
    headers = [*headers, (b"content-length", b"%d" % len(body))]
    await call.send({"type": "http.response.start", "status": status, "headers": headers})
    await call.send({"type": "http.response.body", "body": body})


async def do_start(call, status=200, headers=(), **more):
    await call.send({"type": "http.response.start", "status": status, "headers": headers, **more})


async def do_body(call, body=b"", more=False):
    await call.send({"type": "http.response.body", "body": body, "more_body": more})


async def do_yield(call):
    await asyncio.sleep(0)


async def do_wait(call, name):
    await call.run.until(name)


async def do_tell(call, name):
    call.run.flag(name).set()


async def do_raise(call):
    raise AppError


async def do_return(call):
    raise Leave


async def do_call(call, name, *args):
    """One of the functions in `conformance.apps`, for what a script cannot say."""
    from . import apps

    await getattr(apps, name)(call, *args)


VERBS = {
    "send": do_send, "try": do_try, "receive": do_receive, "read": do_read, "scope": do_scope,
    "reply": do_reply, "start": do_start, "body": do_body, "yield": do_yield, "wait": do_wait,
    "tell": do_tell, "raise": do_raise, "return": do_return, "call": do_call,
}  # fmt: skip


# Control from another process.


async def control(scope, receive, send):
    verb, body, more = scope["path"].removeprefix(CONTROL), b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    answer = await obey(verb, ast.literal_eval(body.decode()) if body else None)
    text = repr(answer).encode()
    headers = [(b"content-length", b"%d" % len(text)), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


async def obey(verb, argument):
    if verb == "begin":
        STAGE.begin(argument)
    elif verb == "set":
        STAGE.run.flag(argument).set()
    elif verb == "wait":
        return await asyncio.to_thread(STAGE.run.flag(argument).wait, 5)
    elif verb == "calls":
        return STAGE.run.calls
    elif verb == "report":
        return plain(await asyncio.to_thread(STAGE.run.reports.get, timeout=5))
    return None
