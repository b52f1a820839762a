"""Who plays a case: any server at an address, that of a process of its own."""

import ast
import socket
import time

from wire import Client

from .client import Connection
from .frames import FRAME, PREFACE, data, headers, pieces, request, settings

REMOTE_WAIT = 1.5


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
