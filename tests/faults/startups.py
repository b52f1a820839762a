"""A reload whose new worker hangs as it starts: a later reload and a stop work all the same."""

import signal
import tempfile
from pathlib import Path

import driver
from served import Served


def run(server, long):
    del long
    with tempfile.TemporaryDirectory() as folder:
        hang = Path(folder) / "hang"
        with Served(server, "app", workers=2, env={"HANG_WHEN": str(hang)}) as served:
            old = {served.get("/pid") for _ in range(50)}
            hang.touch()
            before = set(served.pids())
            served.process.send_signal(signal.SIGHUP)
            served.until(lambda: set(served.pids()) - before)
            hang.unlink()
            served.process.send_signal(signal.SIGHUP)
            reloaded = served.until(lambda: served.get("/pid") not in old, 20)
            hang.touch()
            before = set(served.pids())
            served.process.send_signal(signal.SIGHUP)
            served.until(lambda: set(served.pids()) - before)
            seconds = served.stop(45)
    figure = (
        f"a later reload {'works' if reloaded else 'does nothing'}, a stop takes {seconds:.1f} s"
    )
    return driver.Verdict("a startup that hangs", figure, reloaded and seconds < 15)


if __name__ == "__main__":
    driver.main(run)
