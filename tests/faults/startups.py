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
            served.get("/pid")
            old = set(served.pids())
            reload_and_hang(served, hang)
            hang.unlink()
            served.process.send_signal(signal.SIGHUP)
            reloaded = served.until(lambda: old - set(served.pids()), 20)
            reload_and_hang(served, hang)
            seconds = served.stop(45)
    figure = (
        f"a later reload {'works' if reloaded else 'does nothing'}, a stop takes {seconds:.1f} s"
    )
    return driver.Verdict("a startup that hangs", figure, reloaded and seconds < 15)


def reload_and_hang(served, hang):
    hang.touch()
    count = len(list(hang.parent.glob("hangs-*")))
    served.process.send_signal(signal.SIGHUP)
    served.until(lambda: len(list(hang.parent.glob("hangs-*"))) > count)


if __name__ == "__main__":
    driver.main(run)
