"""Play the conformance cases against other ASGI servers and count what they pass.

    python tests/compat/conformance.py [SERVER ...]

writes tests/compat/counts.md, which docs/conformance.md shows. Not part of the test run: it needs
uvicorn, hypercorn and granian, and takes minutes, since most failures are waits that run out.
"""

import ast
import importlib.metadata
import socket
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "server")]

from conformance.table import COUNTS, TOPICS  # noqa: E402
from wire import Client  # noqa: E402

WAIT = 1.5
COMMANDS = {
    "fastserve": "-m fastserve {app} --port {port} --no-access-log",
    "uvicorn (httptools)": "-m uvicorn {app} --port {port} --no-access-log --http httptools",
    "uvicorn (h11)": "-m uvicorn {app} --port {port} --no-access-log --http h11",
    "hypercorn": "-m hypercorn {app} --bind 127.0.0.1:{port}",
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


def start(command, port):
    arguments = command.format(app=APP, port=port).split()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=TESTS / "server",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), WAIT).close()
        except ConnectionRefusedError:
            assert process.poll() is None, f"{command} does not start"
            time.sleep(0.05)
        else:
            return process


def play_all(name):
    """For each topic, the ids that pass."""
    port = free_port()
    process = start(COMMANDS[name], port)
    peer = RemotePeer(port)
    try:
        return {title: [case.id for case in part if passes(peer, case)] for title, part in common()}
    finally:
        process.terminate()
        process.wait()


def common():
    """Cases that need neither an option of ours nor an app of their own."""
    for title, topic in TOPICS.items():
        part = [case for case in topic.CASES if not case.options and not case.local]
        if part:
            yield title, part


def passes(peer, case):
    try:
        for way in case.ways:
            case.play(peer, way)
    except Exception as error:
        print(f"  {case.id}: {type(error).__name__} {str(error)[:90]}", flush=True)
        return False
    return True


def version(name):
    package = name.split()[0]
    return f"{name} {importlib.metadata.version(package)}"


def table(results):
    """Markdown: a row for each topic, a column for each server."""
    names = list(results)
    lines = [
        "Cases passed by the same table played against other servers "
        "(`python tests/compat/conformance.py`), without those that need an option or an",
        "application of their own. Extensions that a server does not offer count as not passed;",
        "a reset behind an answer and a close that was not announced do not count.",
        "",
        f"| topic | cases | {' | '.join(version(name) for name in names)} |",
        "| --- " * (len(names) + 2) + "|",
    ]
    total = dict.fromkeys(names, 0)
    for title, part in common():
        counts = []
        for name in names:
            counts.append(len(results[name][title]))
            total[name] += counts[-1]
        lines.append(f"| {title} | {len(part)} | {' | '.join(map(str, counts))} |")
    whole = sum(len(part) for _, part in common())
    lines.append(
        f"| **all** | **{whole}** | {' | '.join(f'**{total[name]}**' for name in names)} |"
    )
    return "\n".join(lines) + "\n"


def main():
    names = sys.argv[1:] or list(COMMANDS)
    results = {}
    for name in names:
        print(name, flush=True)
        results[name] = play_all(name)
    text = table(results)
    print(text)
    if not sys.argv[1:]:
        COUNTS.write_text(text)


if __name__ == "__main__":
    main()
