"""Many WebSockets from one address: `subscribers.py PORT SOURCE NUMBER`, run by many_websockets.py.

Connects, prints how many each worker of the server took, then for each line "PAYLOAD PID,PID"
sends PAYLOAD once to each of these workers, waits until every connection has received it, and
prints when. All that is printed is JSON; times are of the machine's monotonic clock.
"""

import json
import os
import re
import select
import socket
import sys
import time
from collections import Counter
from typing import Any

BATCH = 100  # handshakes under way at once
WAIT = 60.0  # seconds until what has not come is missing
BIND_ADDRESS_NO_PORT = 24  # ip(7): the port is chosen at connect(), free to this destination
MASK = b"\0\0\0\0"  # RFC 6455 5.3 asks for one; this one leaves a payload as it is
WORKER = re.compile(rb"^x-worker: (\d+)\r$", re.MULTILINE | re.IGNORECASE)
PING, PONG = 0x89, 0x8A
HANDSHAKE = (
    b"GET /broadcast HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Subscribers:
    """Open WebSockets, and what is left over of each one's last read."""

    def __init__(self, port: int, source: str, number: int) -> None:
        self.address = ("127.0.0.1", port)
        self.source = source
        self.epoll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        self.unread: dict[int, bytes] = {}
        self.of_worker: dict[str, socket.socket] = {}  # one of each worker's
        self.workers: Counter[str] = Counter()
        for done in range(0, number, BATCH):
            self.connect(min(BATCH, number - done))

    def connect(self, number: int) -> None:
        """So many handshakes side by side."""
        batch = [self.begin() for _ in range(number)]
        for sock in batch:
            head = b""
            while b"\r\n\r\n" not in head:
                data = sock.recv(4096)
                if not data:
                    raise SystemExit(f"no WebSocket: {head!r}")
                head += data
            head, _, rest = head.partition(b"\r\n\r\n")
            worker = WORKER.search(head + b"\r")
            if not head.startswith(b"HTTP/1.1 101 ") or worker is None:
                raise SystemExit(f"no WebSocket: {head!r}")
            self.workers[worker[1].decode()] += 1
            self.of_worker.setdefault(worker[1].decode(), sock)
            sock.setblocking(False)
            self.sockets[sock.fileno()] = sock
            self.unread[sock.fileno()] = rest
            self.epoll.register(sock, select.EPOLLIN)

    def begin(self) -> socket.socket:
        sock = socket.socket()
        sock.settimeout(WAIT)
        sock.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
        sock.bind((self.source, 0))
        sock.connect(self.address)
        sock.sendall(HANDSHAKE)
        return sock

    def broadcast(self, payload: bytes, workers: list[str]) -> dict[str, Any]:
        """Send `payload` to the workers and wait for it on every connection."""
        waiting = set(self.sockets)
        received: list[float] = []
        sent = time.monotonic()
        for worker in workers:
            self.of_worker[worker].sendall(bytes([0x81, 0x80 | len(payload)]) + MASK + payload)
        while waiting and time.monotonic() < sent + WAIT:
            for descriptor, _ in self.epoll.poll(1.0, 1024):
                if payload in self.read(descriptor) and descriptor in waiting:
                    waiting.discard(descriptor)
                    received.append(time.monotonic())
        return {"sent": sent if workers else None, "received": received, "missing": len(waiting)}

    def read(self, descriptor: int) -> list[bytes]:
        """The messages that have arrived whole; Pings are answered, an end is silence."""
        sock, found = self.sockets[descriptor], []
        try:
            data = self.unread[descriptor] + sock.recv(4096)
        except ConnectionError:
            data = b""
        if not data:
            self.epoll.unregister(descriptor)
        while len(data) >= 2 and len(data) >= 2 + data[1]:  # all of them are short
            payload = data[2 : 2 + data[1]]
            if data[0] == PING:
                sock.sendall(bytes([PONG, 0x80 | len(payload)]) + MASK + payload)
            else:
                found.append(payload)
            data = data[2 + len(payload) :]
        self.unread[descriptor] = data
        return found


def main() -> None:
    subscribers = Subscribers(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    print(json.dumps(subscribers.workers), flush=True)
    for line in sys.stdin:
        payload, _, workers = line.strip().partition(" ")
        done = subscribers.broadcast(
            payload.encode(), [each for each in workers.split(",") if each]
        )
        print(json.dumps(done), flush=True)
    os._exit(0)  # the kernel closes thousands of sockets faster than Python does


if __name__ == "__main__":
    main()
