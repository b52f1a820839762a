"""Nobody reads the log any more: serving goes on, and so does a stop."""

import os
import subprocess

import driver
from served import Served, ask


def run(server, long):
    count = 30000 if long else 5000
    reader, writer = os.pipe()  # never read
    try:
        with Served(server, "app", stdout=writer, stderr=subprocess.STDOUT) as served:
            answered = 0
            try:
                with served.connect() as sock:
                    sock.settimeout(5)
                    while answered < count:
                        ask(sock, f"/{'x' * 100}")
                        answered += 1
            except OSError:
                pass
            seconds = served.stop(15)
    finally:
        os.close(reader)
        os.close(writer)
    figure = f"{answered} of {count} requests answered, the stop takes {seconds:.1f} s"
    return driver.Verdict("a log that nobody reads", figure, answered == count and seconds < 10)


if __name__ == "__main__":
    driver.main(run)
