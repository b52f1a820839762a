"""A hundred answers of 10 MB on one HTTP/2 connection that nobody reads."""

import driver
from frames import LARGEST, WINDOW, Http2
from served import Served

MB = 10**6
STREAMS = 100
MOST = 20 * MB
# Where they stop: at the stream's window, at the connection's, or when the socket takes no more.
WINDOWS = {
    "stream windows of 0": (0, LARGEST),
    "a connection window of 64 KiB": (LARGEST, WINDOW),
    "a full socket": (LARGEST, LARGEST),
}
ANSWERS = {"in one message": b"/bytes/10000000", "in messages of 64 KiB": b"/pieces/160"}


def run(server, long):
    chosen = WINDOWS if long else dict(list(WINDOWS.items())[1:])  # each is a server of its own
    costs = {
        f"{how}, {name}": cost(server, path, *windows)
        for how, windows in chosen.items()
        for name, path in ANSWERS.items()
    }
    figure = ", ".join(f"{name} {size / MB:.1f} MB" for name, size in costs.items())
    kept = max(costs.values()) <= MOST
    return driver.Verdict(f"{STREAMS} unread answers of 10 MB hold", figure, kept)


def cost(server, path, stream_window, window):
    with Served(server, "app") as served:
        served.get("/")
        connection = Http2(served, stream_window, window)
        before, begun = served.peak(), int(served.get("/begun"))
        for stream in range(1, 2 * STREAMS, 2):
            connection.request(stream, path)
        served.until(lambda: int(served.get("/begun")) == begun + STREAMS, 2)
        served.settle()
        size = served.peak() - before
        connection.close()
    return size


if __name__ == "__main__":
    driver.main(run)
