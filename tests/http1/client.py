"""The client of a connection without sockets: `wire.Client` over the fake transport."""

import socket

from wire import Client

READ_AHEAD = 1 << 18  # bytes that kernels hold for a server that does not read


class Socket:
    """A client's socket, as `wire.Client` uses it; `cut` gives the segments of what is sent."""

    family = socket.AF_UNIX

    def __init__(self, transport, cut=None):
        self.transport = transport
        self.loop = transport.loop
        self.cut = cut
        self.buffered = transport.room  # that much is read ahead of recv()
        self.timeout = None
        self.lingers = True

    def settimeout(self, seconds):
        self.timeout = seconds

    def gettimeout(self):
        return self.timeout

    def setblocking(self, flag):
        pass

    def setsockopt(self, level, name, value):
        self.lingers = False  # the only option that clients set

    def getsockname(self):
        return self.transport.get_extra_info("peername")

    def getpeername(self):
        return self.transport.get_extra_info("sockname")

    def sendall(self, data):
        self.transport.send(*(self.cut(data) if self.cut is not None else (data,)))

    def send(self, data):
        if self.transport.lost:
            raise ConnectionResetError
        if self.transport.backlog > READ_AHEAD:
            raise BlockingIOError
        self.transport.send(data)
        return len(data)

    def recv(self, count):
        there = self.transport.received
        if not there and self.transport.room == 0:
            self.transport.take(count)
        self.loop.wait_for(lambda: there or self.transport.ended, "an answer")
        data = bytes(there[:count])
        del there[:count]
        if self.buffered:
            self.transport.take(len(data))
        if not data and self.transport.cut_off:
            raise ConnectionResetError
        return data

    def shutdown(self, how):
        self.transport.send_end()

    def close(self):
        if self.lingers:
            self.transport.leave()
        else:
            self.transport.reset()


def client_of(transport, cut=None):
    """A strict client of this connection."""
    return Client(Socket(transport, cut), transport.loop.settle)
