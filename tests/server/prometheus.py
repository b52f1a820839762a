"""Prometheus itself, scraping one address."""

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path

from serving import WAIT

PROGRAM = shutil.which("prometheus")
CONFIG = """\
global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}
scrape_configs:
  - job_name: fastserve
    static_configs: [{{targets: ["127.0.0.1:{target}"]}}]
"""


class Prometheus:
    """The server, from when it answers until the end of the `with` block."""

    def __init__(self, target, interval="1s"):
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        config = folder / "prometheus.yml"
        config.write_text(CONFIG.format(target=target, interval=interval))
        with socket.create_server(("127.0.0.1", 0)) as sock:
            self.port = sock.getsockname()[1]
        self._process = subprocess.Popen(
            [
                PROGRAM,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self):
        deadline = time.monotonic() + WAIT
        while True:
            with contextlib.suppress(OSError):
                if self._get("/-/ready")[0] == 200:
                    return self
            assert self._process.poll() is None, "prometheus has ended"
            assert time.monotonic() < deadline, "prometheus does not start"
            time.sleep(0.05)

    def __exit__(self, *error):
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def _get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def query(self, text):
        """{values of the labels: value} of an instant query."""
        status, body = self._get("/api/v1/query?" + urllib.parse.urlencode({"query": text}))
        assert status == 200, body
        found = json.loads(body)["data"]["result"]
        return {
            tuple(value for _, value in sorted(each["metric"].items())): float(each["value"][1])
            for each in found
        }

    def until(self, text, wanted):
        """Wait until the query gives this."""
        deadline = time.monotonic() + WAIT
        while (found := self.query(text)) != wanted:
            assert time.monotonic() < deadline, (found, wanted)
            time.sleep(0.05)
