"""gevent's StreamServer: PORT."""

import socket
import sys

from gevent.server import StreamServer


def answer(sock: socket.socket, address: tuple[str, int]) -> None:
    while data := sock.recv(102400):
        sock.sendall(data)


StreamServer(("127.0.0.1", int(sys.argv[1])), answer).serve_forever()
