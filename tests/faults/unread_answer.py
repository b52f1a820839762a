"""A large answer that nobody reads, then a WebSocket: it does not begin, and the end comes."""

import time

import driver
from served import GET, HANDSHAKE, Served

OPTIONS = {"fastserve": ["--timeout-send", "1"]}
MOST = 10  # seconds to wait for the end


def run(server, long):
    count = 50 if long else 2
    with Served(server, "app", *OPTIONS.get(server, [])) as served:
        clients = served.connect_all(count)
        began = time.monotonic()
        for sock in clients:
            sock.sendall(GET % b"/bytes/8000000" + HANDSHAKE % b"/flood")
        ended = served.until(lambda: not served.connections(), MOST)
        seconds = time.monotonic() - began
        sent = int(served.get("/sent"))
        for sock in clients:
            sock.close()
    end = f"ended after {seconds:.1f} s" if ended else f"not ended after {MOST} s"
    figure = f"{sent} of {count * 800} messages sent, {end}"
    return driver.Verdict("a WebSocket after an unread answer", figure, ended and not sent)


if __name__ == "__main__":
    driver.main(run)
