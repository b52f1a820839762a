"""A real server in a thread of the test process."""

import os
import socket
import ssl
import threading

from wire import WAIT, Client

from fastserve import Config, Server

COMBINATIONS = [(http, loop) for http in ("llhttp", "h11") for loop in ("uvloop", "asyncio")]


class Watched(Server):
    """Tells its thread's owner when clients are let in."""

    ready: threading.Event

    def _on_listening(self, scheme):
        self.ready.set()


class Live:
    """`fastserve.Server` on a free port, from now until `stop()`."""

    def __init__(self, app, **options):
        threads = int(os.environ.get("TEST_THREADS", 1))  # see tests/server/serving.py
        options = {"port": 0, "access_log": False, "threads": threads, **options}
        self.server = Watched(Config(app, **options))
        self.ready = self.server.ready = threading.Event()
        self.error = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.ready.wait(WAIT), "the server does not start"
        if self.error is not None:
            raise self.error

    def _run(self):
        try:
            self.server.run()
        except BaseException as error:
            self.error = error
        finally:
            self.ready.set()

    def stop(self):
        """Stop, cutting off what is still in progress; returns what the server raised."""
        self.server.request_stop()
        self.server.request_stop()
        return self.wait()

    def wait(self):
        """Until the server has stopped by itself."""
        self.thread.join(WAIT)
        assert not self.thread.is_alive(), "the server does not stop"
        return self.error

    def turn(self):
        """Return when the server has read what was sent to it until now."""
        for loop in loops_of(self.server):
            done = threading.Event()
            loop.call_soon_threadsafe(loop.call_soon, done.set)
            assert done.wait(WAIT)

    def connect(self, context=None, **options):
        """A client of this server; `context` is for TLS."""
        config = self.server.config
        if config.uds is not None:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(config.uds)
        else:
            sock = socket.create_connection(("127.0.0.1", self.server.ports[0]), WAIT)
        if context is not None:
            sock = context.wrap_socket(sock, server_hostname="localhost")
        return Client(sock, self.turn, **options)


def loops_of(server):
    return [server._loop, *(each._loop for each in getattr(server._serving, "_threads", ()))]


def client_context(**files):
    """TLS that trusts the test certificate, whatever it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if files:
        context.load_cert_chain(**files)
    return context
