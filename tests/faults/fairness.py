"""A client whose requests or messages each cost a millisecond: how long others wait."""

import driver
from served import GET, HANDSHAKE, Bystander, Served, receive

from fastserve.websocket import encode

MOST = 0.25  # seconds that another client waits, on a machine that others use too
TRIES = 3


def run(server, long):
    count = 3500 if long else 700
    with Served(server, "app") as served:
        requests = longest_wait(served, pipeline, count)
        messages = longest_wait(served, talk, count)
    figure = (
        f"others wait for {requests * 1000:.0f} ms at most behind {count} pipelined requests, "
        f"for {messages * 1000:.0f} ms behind {count} WebSocket messages"
    )
    return driver.Verdict("work for one client", figure, max(requests, messages) < MOST)


def longest_wait(served, busy, count):
    """The shortest of a few: what else the machine does passes, unfairness does not."""
    found = []
    while len(found) < TRIES and min(found, default=MOST) >= MOST:
        with Bystander(served) as other, served.connect() as sock:
            busy(sock, count)
        found.append(other.longest)
    return min(found)


def pipeline(sock, count):
    sock.sendall(GET % b"/busy" * count)
    answered, tail = 0, b""
    while answered < count:
        data = tail + receive(sock)
        answered += data.count(b"\r\n\r\nhello")
        tail = data[-8:]  # what is not whole yet


def talk(sock, count):
    sock.sendall(HANDSHAKE % b"/busy")
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(sock)
    sock.sendall(encode(1, b"x", key=b"mask") * count + encode(1, b"last", key=b"mask"))
    while b"worked" not in data:
        data += receive(sock)


if __name__ == "__main__":
    driver.main(run)
