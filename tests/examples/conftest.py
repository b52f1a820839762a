"""The examples, each started as its docstring says."""

import os
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
sys.path[:0] = [str(ROOT), str(TESTS / "server")]

from serving import WAIT, Command  # noqa: E402


@pytest.fixture(scope="module")
def serve():
    """`serve(app, *options, **environment)`: the running command, with its `client`."""
    commands = []

    def start(app, *options, **environment):
        path = os.pathsep.join(map(str, (TESTS / "examples", TESTS / "server", ROOT)))
        environment = {**os.environ, "PYTHONPATH": path, **environment}
        command = Command(app, "--port", "0", *options, cwd=ROOT, env=environment)
        commands.append(command)
        command.url = f"http://127.0.0.1:{command.port()}"
        command.client = httpx.Client(base_url=command.url, timeout=WAIT, trust_env=False)
        return command

    yield start
    for command in reversed(commands):
        if hasattr(command, "client"):
            command.client.close()
        command.__exit__()
