"""The main process is killed, one worker hangs: all workers end."""

import contextlib
import threading
import time

import driver
from served import Served


def run(server, long):
    del long
    with Served(server, "app", workers=2) as served:
        served.get("/pid")
        threading.Thread(target=hang, args=[served], daemon=True).start()
        time.sleep(0.5)  # the request is in the app
        served.process.kill()
        served.process.wait()
        began = time.monotonic()
        ended = served.until(lambda: not served.pids(), 25)
        seconds = time.monotonic() - began
        left = len(served.pids())
    figure = f"all ended after {seconds:.1f} s" if ended else f"{left} processes go on"
    return driver.Verdict("the main process is killed", figure, ended)


def hang(served):
    with contextlib.suppress(OSError):
        served.get("/hang")


if __name__ == "__main__":
    driver.main(run)
