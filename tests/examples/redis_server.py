"""A Redis of the tests' own, on a Unix socket."""

import shutil
import subprocess

from serving import WAIT

COMMAND = shutil.which("redis-server")


class RedisServer:
    """Runs from `with` on; what it has is in `folder` when it stops, and there when it starts."""

    def __init__(self, folder):
        self.folder = folder
        self.url = f"unix://{folder}/redis.sock"
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop()

    def start(self):
        self.process = subprocess.Popen(
            [
                *(COMMAND, "--port", "0", "--unixsocket", f"{self.folder}/redis.sock"),
                *("--save", "", "--appendonly", "yes", "--dir", self.folder),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stdout:
            # Redis 7.0: "The server is now ready ...", 8: "Ready to accept connections unix"
            if "ready to accept connections" in line.lower():
                return
        self.stop()
        raise AssertionError("redis-server does not start")

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=WAIT)

    def forget(self):
        """Start without what it had."""
        self.stop()
        shutil.rmtree(f"{self.folder}/appendonlydir")
        self.start()
