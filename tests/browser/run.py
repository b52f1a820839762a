"""Test the command with pages in headless Chromium: ws, wss and HTTP/2, on each loop.

    python tests/browser/run.py [--chromium /usr/bin/chromium]

The first page sends text and binary messages and compares the echoes, closes with a code and a
reason, is closed with others, and is refused; compressed and not. The second one, over HTTP/2, loads
100 resources, posts, streams each way, cancels, and opens a WebSocket, all of it on one connection.
Prints a line for each combination and exits with 1 if one is wrong.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SERVER = HERE.parent / "server"
TLS = SERVER / "tls"
sys.path.insert(0, str(SERVER))

from serving import Command  # noqa: E402 - of the server's tests

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--ignore-certificate-errors",
]
ECHO = {"sent": 10, "echoed": 10, "protocol": "chat"}
CLIENT_END = {"code": 4001, "reason": "genug für heute"}
EXPECTED = {
    "echo": {**ECHO, "end": {**CLIENT_END, "clean": True}},
    "closed": {"code": 4002, "reason": "früh", "clean": True},
    "refused": {"code": 1006, "reason": "", "clean": False},
}
HTTP2_EXPECTED = {
    "resources": 100,
    "posts": True,
    "upload": True,
    "stream": 1_000_000,
    "cancel": 200,
    "socket": {"echoed": 3, "protocol": "chat", "end": [4001, "genug für heute", True]},
    "protocols": ["h2"],
}
HTTP2_REQUESTS = 107  # the page, what it loads, its report; a favicon may come on top


@contextmanager
def browser(chromium: str, url: str) -> Iterator[None]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [chromium, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def run_http2(chromium: str, loop: str) -> tuple[Any, list[int]]:
    """The report of the page, and how many requests each connection had."""
    options = ["--port=0", "--no-access-log", f"--loop={loop}"]
    options += [f"--ssl-certfile={TLS / 'cert.pem'}", f"--ssl-keyfile={TLS / 'key.pem'}"]
    with (
        Command("http2_app:app", *options, cwd=HERE) as command,
        browser(chromium, f"https://localhost:{command.port()}/"),
    ):
        outcome = json.loads(command.expect("^outcome (.*)", "stdout")[1])
        return outcome, json.loads(command.expect("^clients (.*)", "stdout")[1])


def run(chromium: str, loop: str, scheme: str, deflate: bool) -> tuple[Any, Any]:
    """The report of the page, and the app's last event of its WebSocket."""
    options = ["--port=0", "--no-access-log", f"--loop={loop}"]
    if scheme == "wss":
        options += [f"--ssl-certfile={TLS / 'cert.pem'}", f"--ssl-keyfile={TLS / 'key.pem'}"]
    if not deflate:
        options.append("--no-ws-per-message-deflate")
    with Command("app:app", *options, cwd=HERE) as command:
        page = f"{scheme.replace('ws', 'http')}://localhost:{command.port()}/"
        with browser(chromium, page):
            end = json.loads(command.expect("^disconnect (.*) wss?$", "stdout")[1])
            return json.loads(command.expect("^outcome (.*)", "stdout")[1]), end


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", default="chromium")
    options = parser.parse_args()
    wrong = 0
    for loop, scheme, deflate in itertools.product(
        ("uvloop", "asyncio"), ("ws", "wss"), (True, False)
    ):
        found, end = run(options.chromium, loop, scheme, deflate)
        extensions = found.get("echo", {}).pop("extensions", None)
        right = (
            found == EXPECTED
            and end == {"type": "websocket.disconnect", **CLIENT_END}
            and ("permessage-deflate" in str(extensions)) == deflate
        )
        wrong += not right
        print(f"{'ok' if right else 'WRONG':5} {loop:7} {scheme:3} {extensions or 'plain'}")
        if not right:
            print("  page:", json.dumps(found), "\n  app: ", json.dumps(end))
    for loop in ("uvloop", "asyncio"):
        outcome, clients = run_http2(options.chromium, loop)
        right = outcome == HTTP2_EXPECTED and len(clients) == 1 and clients[0] >= HTTP2_REQUESTS
        wrong += not right
        print(f"{'ok' if right else 'WRONG':5} {loop:7} h2  {sum(clients)} requests")
        if not right:
            print("  page:", json.dumps(outcome), "\n  requests by connection:", clients)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
