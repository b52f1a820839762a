"""Play the HTTP/2 cases against other ASGI servers and record which ones they pass.

    python tests/compat/conformance_http2.py [SERVER ...]

Without names it plays them against every server. It writes tests/compat/results-http2.json, and
docs/conformance.md shows the counts; a server that is not named keeps its earlier results. Not part
of the test run: it needs hypercorn, granian, h2corn, peregrine-server, and uvicorn with zttp.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
PATHS = [str(TESTS.parent), str(TESTS), str(TESTS / "server")]  # tests/httpparser comes last
sys.path[:0] = PATHS

from http2.remote import REMOTE_WAIT, RemotePeer  # noqa: E402
from http2.table import compared  # noqa: E402

RESULTS = Path(__file__).with_name("results-http2.json")
APP = "http2.stage:app"
# By default hypercorn closes a connection after 1,000 requests.
HYPERCORN_CONFIG = "keep_alive_max_requests = 100000\n"
COMMANDS = {
    "fastserve": "python -m fastserve {app} --port {port} --no-access-log",
    "hypercorn": "python -m hypercorn {app} --bind 127.0.0.1:{port} --config {folder}/hypercorn.toml",
    "granian": "python -m granian {app} --interface asgi --port {port} --no-access-log",
    "uvicorn (zttp)": "python -m uvicorn {app} --port {port} --no-access-log --http zttp --http2",
    "h2corn": "h2corn {app} --port {port} --no-access-log",
    "peregrine": "peregrine {app} --port {port} --protocol asgi --log-level error",
}
DISTRIBUTIONS = {"peregrine": "peregrine-server"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def start(name, port, folder):
    """The server's process; None when it is not installed here."""
    program, *arguments = COMMANDS[name].format(app=APP, port=port, folder=folder).split()
    found = sys.executable if program == "python" else Path(sys.executable).with_name(program)
    if shutil.which(found) is None:
        return None
    process = subprocess.Popen(
        [found, *arguments],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), REMOTE_WAIT).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return process
    return None


def stop(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:  # it still waits for connections that are gone
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def play_all(name, folder, only=""):
    """The server's version, and the ids that fail; None when it cannot be played."""
    port = free_port()
    process = start(name, port, folder)
    if process is None:
        print("  is not installed, or does not start", flush=True)
        return None
    failed = []
    try:
        for _, part in compared():
            for case in part:
                if only not in case.id:
                    continue
                if process.poll() is not None:
                    print(f"  {name} has ended; it is started again", flush=True)
                    port = free_port()
                    process = start(name, port, folder)
                if not passes(RemotePeer(port), case):
                    failed.append(case.id)
    finally:
        stop(process)
    distribution = DISTRIBUTIONS.get(name, name.split()[0])
    return {"version": importlib.metadata.version(distribution), "failed": failed}


def passes(peer, case):
    try:
        case.play(peer)
    except Exception as error:
        print(f"  {case.id}: {type(error).__name__} {str(error)[:150]}", flush=True)
        return False
    return True


def arguments():
    head, _, text = __doc__.partition("\n\n    python")
    parser = argparse.ArgumentParser(description=head, epilog=text.partition("\n\n")[2])
    parser.add_argument(
        "servers", nargs="*", metavar="SERVER", help=f"default: all of {', '.join(COMMANDS)}"
    )
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="ids with it; nothing is written"
    )
    chosen = parser.parse_args()
    for name in chosen.servers:
        if name not in COMMANDS:
            parser.error(f"unknown server {name!r}; choose from {', '.join(COMMANDS)}")
    return chosen


def main():
    chosen = arguments()
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"servers": {}}
    servers = known["servers"] if chosen.servers else {}
    with tempfile.TemporaryDirectory(prefix="fastserve-compat-") as folder:
        Path(folder, "hypercorn.toml").write_text(HYPERCORN_CONFIG)
        for name in chosen.servers or COMMANDS:
            print(name, flush=True)
            found = play_all(name, folder, chosen.only)
            if found is not None:
                servers[name] = found
    if chosen.only:
        return
    results = {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "cases": {title: [case.id for case in part] for title, part in compared()},
        "servers": {name: servers[name] for name in COMMANDS if name in servers},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
