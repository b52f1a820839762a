"""Answers with how many objects the garbage collector leaves out; its own garbage is not kept."""

import asyncio
import gc
import weakref

from apps import respond

import fastserve


class Ring:
    def __init__(self):
        self.itself = self


found_before = []


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        ring = Ring()
        found_before.append(weakref.ref(ring))
        await send({"type": "lifespan.startup.complete"})
        del ring
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        garbage = sum(ref() is not None for ref in found_before)
        await respond(send, f"{gc.get_freeze_count()} {garbage}".encode())


if __name__ == "__main__":

    def say(what):
        print(what, gc.get_freeze_count(), flush=True)

    class Server(fastserve.Server):
        async def main_loop(self):
            say("serving")

    Server(fastserve.Config(app, port=0, log_level="error")).run()
    say("stopped")
    gc.freeze()
    theirs = gc.get_freeze_count()
    Server(fastserve.Config(app, port=0, log_level="error")).run()
    print("theirs", 0 < gc.get_freeze_count() <= theirs, flush=True)
    gc.unfreeze()
    asyncio.run(Server(fastserve.Config(app, port=0, log_level="error")).serve())
    with fastserve.running(app):
        pass
    say("embedded")
