"""The tutorials run as they are written: files, commands and what these print."""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "server"))

from serving import WAIT, Command  # noqa: E402

DOCS = ROOT / "docs"
PAGES = [DOCS / "get-started.md", *sorted(DOCS.glob("tutorial-*.md"))]
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
ADDRESS = "127.0.0.1:8000"
SERVE = "fastserve "


@dataclass
class Reader:
    """Somebody who follows a page, in a folder of their own."""

    folder: Path
    here: str = ADDRESS
    server: Command | None = None
    files: dict[str, str] = field(default_factory=dict)

    def write(self, name, text):
        self.files[name] = text
        (self.folder / name).write_text(text.replace(ADDRESS, self.here))

    def serve(self, command):
        self.stop()
        arguments = [*command.removeprefix(SERVE).split(), "--port", "0"]
        self.server = Command(*arguments, cwd=self.folder)
        self.here = f"127.0.0.1:{self.server.port()}"
        for name, text in self.files.items():  # they have the server's address
            if ADDRESS in text:
                self.write(name, text)

    def stop(self):
        if self.server is not None:
            with self.server:
                self.server.signal(signal.SIGTERM)
                assert self.server.wait() == 0

    def run(self, command):
        found = subprocess.run(
            ["bash", "-c", command.replace(ADDRESS, self.here)],
            cwd=self.folder,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "CURL_HOME": str(HERE),  # on a terminal curl shows no progress
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WAIT,
        )
        return found.stdout.replace(self.here, ADDRESS).rstrip("\n")


def commands(text):
    """Each command of a console block with what it prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output.rstrip("\n")


def curl():
    """What curl says of itself, or nothing if there is none."""
    known = shutil.which("curl")
    return subprocess.run([known, "--version"], capture_output=True).stdout if known else b""


def pattern(output):
    return "(?s)" + re.escape(output).replace("…", ".*")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial(page, tmp_path):
    pytest.importorskip("fastapi")
    if b"HTTP2" not in curl():
        pytest.skip("curl with HTTP/2 is not installed")
    reader = Reader(tmp_path)
    try:
        for language, title, text in BLOCK.findall(page.read_text()):
            if title:
                reader.write(title, text)
            elif language == "console":
                for command, output in commands(text):
                    if command.startswith(SERVE):
                        reader.serve(command)
                    else:
                        printed = reader.run(command)
                        assert re.fullmatch(pattern(output), printed), f"{command}:\n{printed}"
    finally:
        reader.stop()
