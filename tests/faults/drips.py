"""Blank lines without end, and a body of one byte now and then: they are refused."""

import contextlib
import select
import time

import driver
from served import Served, send_what_fits

OPTIONS = {"fastserve": ["--timeout-body", "1", "--min-body-rate", "100"]}
BLANK = 1_000_000
LENGTH = 1000
EVERY = 0.2  # seconds


def run(server, long):
    seconds = 60 if long else 8
    with Served(server, "app", *OPTIONS.get(server, [])) as served:
        with served.connect() as sock:
            sent = send_what_fits(sock, b"\r\n" * (BLANK // 2))
            blank = status_of(sock, 2)
        began = time.monotonic()
        with served.connect() as sock:
            sock.sendall(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % LENGTH)
            drip = ""
            while not drip and time.monotonic() - began < seconds:
                with contextlib.suppress(ConnectionError):
                    sock.sendall(b"x")
                drip = status_of(sock, EVERY)
        after = time.monotonic() - began
    figure = (
        f"{sent} bytes of blank lines get {blank or 'no answer'}, a byte every {EVERY} s gets "
        f"{drip or 'none'} after {after:.1f} s"
    )
    return driver.Verdict("blank lines and drips", figure, blank == "400" and drip == "408")


def status_of(sock, seconds):
    """The status of the answer; nothing without one in time."""
    if not select.select([sock], [], [], seconds)[0]:
        return ""
    try:
        return sock.recv(65536)[9:12].decode() or "closed"
    except ConnectionError:
        return "reset"


if __name__ == "__main__":
    driver.main(run)
