"""Play the conformance cases against other ASGI servers and record which ones they pass.

    python tests/compat/conformance.py [SERVER ...]

Without names it plays them against every server. It writes tests/compat/results.json, and
docs/conformance.md shows the counts; a server that is not named keeps its earlier results. Not part
of the test run: it needs the servers of benchmarks/requirements.txt, Node, Go and nginx, an idle
machine, on which no answer comes too late, and ten minutes.
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

HERE = Path(__file__).parent
TESTS = HERE.parent
PATHS = [str(TESTS.parent), str(TESTS), str(TESTS / "server")]
sys.path[:0] = [*PATHS, str(HERE)]

from conformance.cases import PLAIN, WAYS  # noqa: E402
from conformance.comparison import RESULTS  # noqa: E402
from judge import compared, play  # noqa: E402
from wire import Client  # noqa: E402

from benchmarks.machine import runnable, versions  # noqa: E402

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
    "freastal": "-m benchmarks.apps.freastal_server {port} {app}",
    "peregrine": "-m peregrine {app} --port {port} --protocol asgi --log-level error",
    "h2corn": "-m h2corn {app} --port {port} --no-access-log",
}
DISTRIBUTIONS = {"fastserve": "fastserve-asgi", "peregrine": "peregrine-server"}
APP = "conformance.stage:app"
# Programs that read the body and answer "ok", as the application does in these cases, in which
# the server must refuse the request. In the others an application sends or receives through ASGI.
PROGRAMS = {"Node http": "node", "Go net/http": "go", "nginx": "nginx"}
PROGRAMS_TOPIC = "Requests refused"
NAMES = [*COMMANDS, *PROGRAMS]


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


class SilentRun:
    """A run of a program that tells nothing of what it does."""

    def report(self):
        return None


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


class ProgramPeer(RemotePeer):
    """A program, which answers every request in the same way."""

    def begin(self, script):
        return SilentRun()

    def ask(self, verb, argument=None):
        with self.connect() as client:
            client.send(PLAIN)
            client.response()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def command(name, port, folder):
    if name == "nginx":
        text = (HERE / "whole_body.conf").read_text()
        config = Path(folder, f"{port}.conf")
        config.write_text(text.replace("@PORT@", str(port)).replace("@FOLDER@", folder))
        return ["nginx", "-c", str(config), "-e", "/dev/null"]
    if name in PROGRAMS:
        source = HERE / f"whole_body.{'js' if name == 'Node http' else 'go'}"
        return [*runnable(source), str(port)]
    return [sys.executable, *COMMANDS[name].format(app=APP, port=port, folder=folder).split()]


class Server:
    """A server's process, which is started again when it answers no more."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder
        self.start()

    def start(self):
        port = free_port()
        self.process = subprocess.Popen(
            command(self.name, port, self.folder),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), WAIT).close()
            except ConnectionRefusedError:
                assert self.process.poll() is None, f"{self.name} does not start"
                time.sleep(0.05)
            else:
                break
        self.peer = (ProgramPeer if self.name in PROGRAMS else RemotePeer)(port)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:  # it still waits for connections that are gone
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def passes(self, case, way):
        """Whether it does what the case asks; afterwards it answers requests."""
        try:
            play(self.peer, case, way)
        except Exception as error:
            print(f"  {case.id} {way}: {type(error).__name__} {str(error)[:90]}", flush=True)
            self.revive()
            return False
        return True

    def revive(self):
        try:
            self.peer.ask("calls")
        except Exception:
            print(f"  {self.name} answers no more; it is started again", flush=True)
            self.stop()
            self.start()


def play_all(name, folder):
    """The server's version, and the ids that fail in each way."""
    server = Server(name, folder)
    failed = {way: [] for way in WAYS}
    try:
        for title, part in compared():
            if name in PROGRAMS and title != PROGRAMS_TOPIC:
                continue
            for case in part:
                for way in case.ways:
                    if not server.passes(case, way):
                        failed[way].append(case.id)
    finally:
        server.stop()
    if name in PROGRAMS:
        return {"version": versions()[PROGRAMS[name]], "failed": failed, "topic": PROGRAMS_TOPIC}
    package = name.split()[0]
    version = importlib.metadata.version(DISTRIBUTIONS.get(package, package))
    return {"version": version, "failed": failed}


def cases():
    """Which ids were played in each way, by topic."""
    return {
        way: {title: [case.id for case in part if way in case.ways] for title, part in compared()}
        for way in WAYS
    }


def arguments():
    head, _, text = __doc__.partition("\n\n    python")
    parser = argparse.ArgumentParser(description=head, epilog=text.partition("\n\n")[2])
    parser.add_argument(
        "servers",
        nargs="*",
        metavar="SERVER",
        help=f"default: all of {', '.join(NAMES)}",
    )
    names = parser.parse_args().servers
    for name in names:
        if name not in NAMES:
            parser.error(f"unknown server {name!r}; choose from {', '.join(NAMES)}")
    return names


def main():
    names = arguments()
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"servers": {}}
    servers = known["servers"] if names else {}
    with tempfile.TemporaryDirectory(prefix="fastserve-compat-") as folder:
        Path(folder, "hypercorn.toml").write_text(HYPERCORN_CONFIG)
        for name in names or NAMES:
            print(name, flush=True)
            servers[name] = play_all(name, folder)
    results = {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "cases": cases(),
        "servers": {name: servers[name] for name in NAMES if name in servers},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
