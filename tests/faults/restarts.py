"""Rolling restarts under load: clients that keep their connections alive lose no request.

A request counts as lost when the server closes the connection without an answer, although the
answer before did not say that it would: a client may repeat it (RFC 9112 9.3.1), but need not.
"""

import signal
import threading

import driver
from served import GET, Served, receive

CLIENTS = 8


class Visitor(threading.Thread):
    """Asks over and over on one connection, and counts what is not answered.

    A connection is given up only when an answer says that it closes.
    """

    def __init__(self, served):
        super().__init__()
        self.served = served
        self.answered = self.lost = self.refused = 0
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            try:
                sock = self.served.connect()
            except OSError:
                self.refused += 1
                return
            with sock:
                self.visit(sock)

    def visit(self, sock):
        """Ask until an answer says that the connection closes."""
        closes = False
        while not closes and not self.ended.is_set():
            try:
                closes = ask_and_look(sock)
            except OSError:
                self.lost += 1
                return
            self.answered += 1


def ask_and_look(sock):
    """Ask; whether the answer says that the connection closes."""
    sock.sendall(GET % b"/")
    data = b""
    while not data.endswith(b"hello"):
        data += receive(sock)
    return b"connection: close" in data.lower()


def run(server, long):
    restarts, workers = (15, 2) if long else (2, 2)
    with Served(server, "app", workers=workers) as served:
        visitors = [Visitor(served) for _ in range(CLIENTS)]
        for visitor in visitors:
            visitor.start()
        done = 0
        for _ in range(restarts):
            old = set(served.pids()) - {served.process.pid}
            served.process.send_signal(signal.SIGHUP)
            done += served.until(lambda old=old: len(old - set(served.pids())) >= workers)
        for visitor in visitors:
            visitor.ended.set()
        for visitor in visitors:
            visitor.join()
        answered = sum(visitor.answered for visitor in visitors)
        lost = sum(visitor.lost for visitor in visitors)
        refused = sum(visitor.refused for visitor in visitors)
    figure = f"{lost} lost and {refused} refused of {answered} requests in {done} restarts"
    kept = not lost and not refused and done == restarts
    return driver.Verdict("rolling restarts", figure, kept)


if __name__ == "__main__":
    driver.main(run)
