"""Uploads whose app answers without reading them: nothing is left of them, and a stop is quick.

Half of the clients close their connection once they are answered, the others fall silent.
"""

import contextlib
import time

import driver
from served import CHUNKED, Served, receive, send_what_fits

CHUNK = b"1000\r\n" + bytes(4096) + b"\r\n"
OPTIONS = {"fastserve": ["--timeout-body", "2"]}
MOST = 10  # seconds to wait for the end


def run(server, long):
    count = 300 if long else 30
    with Served(server, "app", *OPTIONS.get(server, [])) as served:
        clients = served.connect_all(count)
        for sock in clients:
            sock.sendall(CHUNKED % b"/late" + CHUNK * 24)  # more than is read ahead
        for sock in clients:
            with contextlib.suppress(ConnectionError):  # it may be refused
                receive(sock)
            send_what_fits(sock, CHUNK * 24, 0)
        began = time.monotonic()
        for sock in clients[::2]:
            sock.close()
        served.until(lambda: not served.connections(), MOST)
        seconds = time.monotonic() - began
        held = served.connections()
        stop = served.stop(MOST)
        for sock in clients:
            sock.close()
    figure = f"{held} of {count} connections held {seconds:.1f} s later, a stop takes {stop:.1f} s"
    return driver.Verdict("uploads that nobody reads", figure, not held and stop < 3)


if __name__ == "__main__":
    driver.main(run)
