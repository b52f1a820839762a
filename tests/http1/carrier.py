"""What the cases of the conformance suite need in place of sockets and a server in a thread."""

import asyncio

from conformance.stage import STAGE, Run, app

from .client import client_of
from .served import Served

WRITTEN = 1 << 21  # bytes that kernels hold for a client that does not read


class ScriptRun(Run):
    """A run whose client and whose server share one thread."""

    def __init__(self, script, loop):
        super().__init__(script)
        self.loop = loop

    def flag(self, name):
        return self.flags.setdefault(name, asyncio.Event())

    async def until(self, name):
        await self.flag(name).wait()

    # -- what the client does

    def report(self):
        self.loop.wait_for(lambda: not self.reports.empty(), "the end of the app's call")
        return self.reports.get()

    def tell(self, name):
        self.flag(name).set()

    def wait(self, name):
        self.loop.wait_for(self.flag(name).is_set, name)


class Peer:
    """fastserve on a loop of the test; `cut` says how each segment that is sent arrives."""

    def __init__(self, loop, cut=None, **options):
        self.loop = loop
        self.options = options
        self.cut = cut
        self.memory = {}
        self.served = Served(loop, app, state={"shared": []}, **options)
        self.others = []

    def begin(self, script):
        STAGE.run = ScriptRun(script, self.loop)
        return STAGE.run

    def connect(self):
        transport = self.served.connect(room=WRITTEN)
        return client_of(transport, self.cut)

    def pause(self):
        self.loop.settle()

    def serve(self, other):
        """A server of its own for an app."""
        peer = Peer.__new__(Peer)
        peer.loop, peer.cut = self.loop, self.cut
        peer.served = Served(self.loop, other, **self.options)
        self.others.append(peer.served)
        return peer

    def stop(self):
        for served in (self.served, *self.others):
            served.stop()
