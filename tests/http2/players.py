"""Who plays a case: fastserve over the fake transport, and in a thread."""

from conformance.peers import LocalRun
from conformance.stage import STAGE
from http1.carrier import WRITTEN, ScriptRun
from http1.client import client_of
from http1.served import Served

from .frames import pieces
from .stage import app

SINGLE = 2000  # bytes of a connection that come one by one


class Bytewise:
    """The segments of a connection: single bytes, and after enough of them larger pieces."""

    def __init__(self):
        self.left = SINGLE

    def __call__(self, sent):
        single, rest = sent[: self.left], sent[self.left :]
        self.left -= len(single)
        return [*pieces(single, 1), *pieces(rest, 4999)]


class FakePeer:
    """On a loop of the test; `cut()` makes what says how the bytes of a connection arrive."""

    def __init__(self, loop, cut=None, **options):
        self.loop = loop
        self.cut = cut or (lambda: None)
        self.served = Served(loop, app, state={"shared": []}, **options)

    def begin(self, script):
        STAGE.run = ScriptRun(script, self.loop)
        return STAGE.run

    def connect(self):
        return client_of(self.served.connect(room=WRITTEN), self.cut())

    def pause(self):
        self.loop.settle()

    def drain(self):
        self.served.service.drain()

    def stop(self):
        """Nothing may have gone wrong, and nothing is left."""
        self.served.stop()


class LivePeer:
    """In a thread of this process."""

    def __init__(self, live):
        self.live = live
        self.connect = live.connect
        self.pause = live.turn

    def begin(self, script):
        return LocalRun(STAGE.begin(script))

    def drain(self):
        self.live.server.request_stop()
