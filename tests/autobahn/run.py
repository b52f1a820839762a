"""Run the Autobahn test suite's fuzzing client against this server, and sum up what it says.

    python tests/autobahn/run.py --wstest PATH [--cases "1.*" ...]

The suite is for Python 2.7: `virtualenv -p python2.7 ab && ab/bin/pip install autobahntestsuite`
makes PATH `ab/bin/wstest` (autobahntestsuite 25.10.1). All 517 cases take about half an hour.
"""

import argparse
import collections
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from fastserve import Config, Server

# 9.3.1 sends 4 MiB in 65,536 fragments, 9.1.6 and 9.2.6 send 16 MiB at once
LIMITS: dict[str, Any] = {"ws_max_fragments": 100_000, "ws_max_size": 32 << 20}


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


class Announced(Server):
    ready: threading.Event

    def _on_listening(self, scheme: str) -> None:
        self.ready.set()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wstest", required=True)
    parser.add_argument("--cases", nargs="*", default=["*"])
    options = parser.parse_args()
    server = Announced(Config(echo, port=0, access_log=False, lifespan="off", **LIMITS))
    server.ready = threading.Event()
    thread = threading.Thread(target=server.run)
    thread.start()
    if not server.ready.wait(30):
        return 1
    try:
        with tempfile.TemporaryDirectory() as folder:
            report = fuzz(Path(folder), server.ports[0], options)
    finally:
        server.request_stop()
        thread.join()
    return sum_up(report)


def fuzz(folder: Path, port: int, options: argparse.Namespace) -> dict[str, Any]:
    specification = {
        "outdir": str(folder),
        "servers": [{"agent": "fastserve", "url": f"ws://127.0.0.1:{port}"}],
        "cases": options.cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    (folder / "spec.json").write_text(json.dumps(specification))
    command = [options.wstest, "-m", "fuzzingclient", "-s", str(folder / "spec.json")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads((folder / "index.json").read_text())["fastserve"]
    return found


def sum_up(report: dict[str, Any]) -> int:
    """Print it; 1 if anything is neither OK nor informational."""
    pairs = {case: (row["behavior"], row["behaviorClose"]) for case, row in report.items()}
    for (behavior, close), count in collections.Counter(pairs.values()).items():
        print(f"{count} cases: {behavior}, close {close}")
    wrong = {case: pair for case, pair in pairs.items() if not set(pair) <= {"OK", "INFORMATIONAL"}}
    for case, pair in wrong.items():
        print(case, *pair)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
