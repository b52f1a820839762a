"""A worker that hangs in the app: it is replaced, and the log tells where it hung."""

import contextlib
import re
import threading
import time

import driver
from served import Served


def run(server, long):
    del long
    options = []
    if server == "fastserve":
        options = ["--timeout-worker-healthcheck", "1"]
    if server == "uvicorn":
        options = ["--timeout-worker-healthcheck", "1"]
    with Served(server, "app", *options, workers=2) as served:
        served.get("/pid")
        old = set(served.pids())
        began = time.monotonic()
        threading.Thread(target=hang, args=[served], daemon=True).start()
        replaced = served.until(lambda: old - set(served.pids()), 15)
        seconds = time.monotonic() - began
        # The supervisor logs it a moment after the process has ended.
        told = served.until(lambda: re.search("fault_apps.py.* in app", served.output()), 5)
    figure = f"replaced after {seconds:.1f} s" if replaced else "never replaced"
    figure += ", the log has where" if told else ", the log does not say where"
    return driver.Verdict("a worker that hangs", figure, replaced and told)


def hang(served):
    with contextlib.suppress(OSError):
        served.get("/hang")


if __name__ == "__main__":
    driver.main(run)
