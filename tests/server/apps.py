"""Applications that the tests of the command serve."""

import asyncio
import contextlib
import ctypes
import os
import subprocess
import sys
import time


async def respond(send, body, status=200):
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def say(word):
    """In one write, because workers share the pipe."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def hold(port):
    """Until the test closes its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await reader.read()
    finally:
        writer.close()


async def app(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/pid":
        return await respond(send, str(os.getpid()).encode())
    if scope["path"] in CHILDREN:
        return await respond(send, str(CHILDREN[scope["path"]]()).encode())
    if scope["path"] == "/die":
        os._exit(9)
    if scope["path"] == "/hang":
        say("hanging")
        time.sleep(600)
    if scope["path"] == "/crash":
        ctypes.string_at(0)
    if scope["path"] == "/raise":
        raise ValueError
    if scope["path"] == "/files":
        with contextlib.ExitStack() as files:
            opened = [files.enter_context(open(os.devnull)) for _ in range(16)]
        return await respond(send, b"%d" % len(opened))
    if scope["path"] == "/hold":
        await hold(int(scope["query_string"]))
    return await respond(send, b"hello")


async def lived(scope, receive, send):
    """With a lifespan that tells what happens on standard output."""
    if scope["type"] != "lifespan":
        if "count" in scope["path"]:
            scope["state"]["shared"].append(1)
            scope["state"]["own"] = scope["state"].get("own", 0) + 1
            body = f"{len(scope['state']['shared'])} {scope['state']['own']}"
            return await respond(send, body.encode())
        return await app(scope, receive, send)
    assert (await receive())["type"] == "lifespan.startup"
    scope["state"]["shared"] = []
    say("startup")
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    say("shutdown")
    return await send({"type": "lifespan.shutdown.complete"})


async def fails(scope, receive, send):
    """As frameworks do: the message, then the exception."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "Traceback\nKeyError: 'database'"})
    raise KeyError("database")


async def never_starts(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        say("starting")
        await asyncio.Event().wait()


async def never_stops(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        say("stopping")
        await asyncio.Event().wait()


HOARD = []


async def hoards(scope, receive, send):
    """Holds 60 descriptors for good."""
    HOARD.extend(os.dup(2) for _ in range(60 - len(HOARD)))
    if scope["type"] == "http":
        await app(scope, receive, send)


def make():
    return app


def broken_factory():
    raise LookupError("no settings")


def make_nothing():
    return None


NUMBER = 7


async def swallow(scope, receive, send):
    """Count the body, or send as many bytes as the query says."""
    assert scope["type"] == "http"
    if scope["query_string"]:
        count = int(scope["query_string"])
        headers = [(b"content-length", b"%d" % count)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while count:
            part = bytes(min(count, 1 << 20))
            count -= len(part)
            await send({"type": "http.response.body", "body": part, "more_body": count > 0})
        return
    count, more = 0, True
    while more:
        message = await receive()
        count += len(message["body"])
        more = message["more_body"]
    await respond(send, b"%d" % count)


INHERITED = """
import os, stat
found = [name for name in os.environ if "LISTEN_" in name or "_FASTSERVE" in name]
for fd in range(3, 256):
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        continue
    if stat.S_ISSOCK(mode):
        found.append(fd)
print(found, end="")
"""


def inherited():
    """What a process that the app starts gets of the server's, even if it closes nothing."""
    command = [sys.executable, "-c", INHERITED]
    return subprocess.run(
        command, capture_output=True, check=True, text=True, close_fds=False
    ).stdout


def orphan():
    """The number of a process that ends after its parent."""
    command = ["sh", "-c", "sleep 0.1 >&- 2>&- & echo $!"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def processes():
    """Those that exist, zombies too."""
    return " ".join(filter(str.isdecimal, os.listdir("/proc")))


def zombies():
    """The processes that have ended and that nobody has waited for."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] == "Z":
                found.append(name)
    return " ".join(found)


def status():
    """That of a process which ended a while ago."""
    process = subprocess.Popen(["sh", "-c", "exit 7"])
    while str(process.pid) not in zombies().split():
        pass
    return process.wait()


CHILDREN = {"/inherited": inherited, "/orphan": orphan, "/processes": processes, "/status": status}
