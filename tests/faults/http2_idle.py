"""HTTP/2 connections that have had an answer and wait: what each one costs."""

import driver
from frames import Http2
from served import Served

KIB = 1024
MOST = 24 * KIB


def run(server, long):
    count = 1000 if long else 200
    with Served(server, "app") as served:
        first = [answered(served) for _ in range(20)]  # what only the first ones cost
        before = served.peak()
        idle = [answered(served) for _ in range(count)]
        size = (served.peak() - before) / count
        for connection in first + idle:
            connection.close()
    figure = f"each of {count} connections holds {size / KIB:.1f} KiB"
    return driver.Verdict("idle HTTP/2 connections", figure, size <= MOST)


def answered(served):
    connection = Http2(served)
    connection.request(1, b"/")
    if connection.body(1) != b"hello":
        raise ConnectionError("a wrong answer")
    return connection


if __name__ == "__main__":
    driver.main(run)
