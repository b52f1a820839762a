"""Play the conformance cases against other ASGI servers and record which ones they pass.

    python tests/compat/conformance.py [SERVER ...]

Without names it plays them against every server. It writes tests/compat/results.json, and
docs/conformance.md shows the counts; a server that is not named keeps its earlier results. Not part
of the test run: it needs uvicorn[standard], hypercorn and granian, and takes some minutes, because
most failures are timeouts.
"""

import argparse
import ast
import datetime
import importlib.metadata
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "server"), str(TESTS / "compat")]

from conformance.comparison import RESULTS  # noqa: E402
from judge import compared, play  # noqa: E402
from wire import Client  # noqa: E402

WAIT = 1.5
# By default hypercorn closes a connection after 1,000 requests.
HYPERCORN_CONFIG = "keep_alive_max_requests = 100000\n"
COMMANDS = {
    "fastserve": "-m fastserve {app} --port {port} --no-access-log",
    "fastserve (h11)": "-m fastserve {app} --port {port} --no-access-log --http h11",
    "uvicorn (httptools)": "-m uvicorn {app} --port {port} --no-access-log --http httptools",
    "uvicorn (h11)": "-m uvicorn {app} --port {port} --no-access-log --http h11",
    "hypercorn": "-m hypercorn {app} --bind 127.0.0.1:{port} --config {folder}/hypercorn.toml",
    "granian": "-m granian {app} --interface asgi --port {port} --no-access-log",
}
APP = "conformance.stage:app"


class RemoteRun:
    """A run in the server's process."""

    def __init__(self, peer):
        self.peer = peer

    @property
    def calls(self):
        return self.peer.ask("calls")

    def report(self):
        return self.peer.ask("report")

    def tell(self, flag):
        self.peer.ask("set", flag)

    def wait(self, flag):
        assert self.peer.ask("wait", flag), f"{flag} does not come"


class RemotePeer:
    """Any server, in a process of its own."""

    def __init__(self, port):
        self.port = port
        self.memory = {}

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), WAIT)
        client = Client(sock, self.pause, WAIT)
        client.tolerant = True
        return client

    def pause(self):
        time.sleep(0.002)

    def begin(self, script):
        self.ask("begin", script)
        return RemoteRun(self)

    def ask(self, verb, argument=None):
        body = repr(argument).encode() if argument is not None else b""
        with self.connect() as client:
            head = b"POST /-/%b HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"
            client.send(head % (verb.encode(), len(body)) + body)
            response = client.response("POST")
        assert response.status == 200, f"{verb}: {response.status}"
        return ast.literal_eval(response.body.decode())


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def start(command, port, folder):
    arguments = command.format(app=APP, port=port, folder=folder).split()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=TESTS / "server",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), WAIT).close()
        except ConnectionRefusedError:
            assert process.poll() is None, f"{command} does not start"
            time.sleep(0.05)
        else:
            return process


def play_all(name, folder):
    """The server's version, and the ids that fail in each way."""
    port = free_port()
    process = start(COMMANDS[name], port, folder)
    peer = RemotePeer(port)
    failed = {way: [] for way in ("whole", "bytewise", "behind")}
    try:
        for _, part in compared():
            for case in part:
                for way in case.ways:
                    if not passes(peer, case, way):
                        failed[way].append(case.id)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # it still waits for connections that are gone
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    package = name.split()[0].replace("fastserve", "fastserve-asgi")
    return {"version": importlib.metadata.version(package), "failed": failed}


def passes(peer, case, way):
    try:
        play(peer, case, way)
    except Exception as error:
        print(f"  {case.id} {way}: {type(error).__name__} {str(error)[:90]}", flush=True)
        return False
    return True


def cases():
    """Which ids were played in each way, by topic."""
    return {
        way: {title: [case.id for case in part if way in case.ways] for title, part in compared()}
        for way in ("whole", "bytewise", "behind")
    }


def arguments():
    head, _, text = __doc__.partition("\n\n    python")
    parser = argparse.ArgumentParser(description=head, epilog=text.partition("\n\n")[2])
    parser.add_argument(
        "servers",
        nargs="*",
        metavar="SERVER",
        help=f"default: all of {', '.join(COMMANDS)}",
    )
    names = parser.parse_args().servers
    for name in names:
        if name not in COMMANDS:
            parser.error(f"unknown server {name!r}; choose from {', '.join(COMMANDS)}")
    return names


def main():
    names = arguments()
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"servers": {}}
    servers = known["servers"] if names else {}
    with tempfile.TemporaryDirectory(prefix="fastserve-compat-") as folder:
        Path(folder, "hypercorn.toml").write_text(HYPERCORN_CONFIG)
        for name in names or COMMANDS:
            print(name, flush=True)
            servers[name] = play_all(name, folder)
    results = {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "cases": cases(),
        "servers": {name: servers[name] for name in COMMANDS if name in servers},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
