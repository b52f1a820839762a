"""Who plays a case: fastserve over the fake transport, in a thread, or any server at an address."""

import ast
import socket
import time

from conformance.peers import LocalRun
from conformance.stage import STAGE
from http1.carrier import WRITTEN, ScriptRun
from http1.client import client_of
from http1.served import Served
from wire import Client

from .client import Connection
from .frames import FRAME, PREFACE, data, headers, pieces, request, settings
from .stage import app

REMOTE_WAIT = 1.5
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


class RemoteRun:
    """A run in the server's process."""

    def __init__(self, peer):
        self.peer = peer

    @property
    def calls(self):
        return self.peer.ask("calls")

    def report(self):
        return self.peer.ask("report")

    def tell(self, flag):
        self.peer.ask("set", flag)

    def wait(self, flag):
        assert self.peer.ask("wait", flag), f"{flag} does not come"


class RemotePeer:
    """Any server that serves `http2.stage:app` at 127.0.0.1."""

    def __init__(self, port):
        self.port = port

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), REMOTE_WAIT)
        client = Client(sock, self.pause, REMOTE_WAIT)
        client.tolerant = True
        return client

    def pause(self):
        time.sleep(0.005)

    def begin(self, script):
        self.ask("begin", script)
        return RemoteRun(self)

    def ask(self, verb, argument=None):
        body = repr(argument).encode() if argument is not None else b""
        path = b"/-/" + verb.encode()
        with self.connect() as client:
            client.socket.settimeout(10 * REMOTE_WAIT)
            wire = Connection(client)
            wire.send(
                PREFACE + settings() + headers(1, request(b"POST", path), end=False),
                *(data(1, part) for part in pieces(body, FRAME)),
                data(1, end=True),
            )
            stream = wire.stream(1)
            wire.wait(lambda: stream.over, verb)
        assert stream.status == 200, f"{verb}: {wire}"
        return ast.literal_eval(stream.body.decode())
