"""Four workers log into one pipe: no line is torn, however long."""

import fcntl
import os
import re
import subprocess
import threading

import driver
from served import Served, ask

# A line of the log about a request: one path, with something before and after it.
WHOLE = re.compile(r"((?!xx).)+/x+((?!xx).)+")


def run(server, long):
    count = 4000 if long else 400
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)  # often full, so that long writes are split
    with (
        os.fdopen(reader) as log,
        Served(server, "app", workers=4, stdout=writer, stderr=subprocess.STDOUT) as served,
    ):
        os.close(writer)
        lines = []
        reading = threading.Thread(target=lambda: lines.extend(log))
        reading.start()
        clients = [threading.Thread(target=visit, args=(served, count)) for _ in range(8)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        served.stop()
        reading.join()
    text = "".join(lines)
    lines = [line for line in text.splitlines() if "xx" in line]
    torn = [line for line in lines if not WHOLE.fullmatch(line)]
    logged = len(lines) - len(torn)
    dropped = sum(int(number) for number in re.findall(r"Dropped (\d+) lines", text))
    figure = f"{len(torn)} lines torn, {logged} of {8 * count} logged, {dropped} counted as dropped"
    kept = not torn and logged + dropped == 8 * count
    return driver.Verdict("lines of several workers", figure, kept)


def visit(served, count):
    with served.connect() as sock:
        for number in range(count):
            ask(sock, "/" + "x" * (50 + 997 * number % 5000))


if __name__ == "__main__":
    driver.main(run)
