"""The Dockerfile, as far as reading it goes. `image_steps.py` executes it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from fastserve.config import Config

from . import dockerfile

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "image" / "Dockerfile"
BUILD, IMAGE = dockerfile.read(FILE)
STEPS = dict(IMAGE.steps)
PATTERNS = (FILE.parent / "Dockerfile.dockerignore").read_text()


def test_the_image_has_neither_compiler_nor_root():
    assert BUILD.name == "build"
    assert IMAGE.image.endswith("-slim")
    assert STEPS["USER"].isdecimal()  # Kubernetes does not know names
    assert STEPS["USER"] != "0"


def test_signals_reach_the_server():
    command = dockerfile.command(STEPS["CMD"])
    assert command[0] == "fastserve"
    variables = dockerfile.variables(STEPS["ENV"], {"PATH": ""})
    # docker stop waits 10 s.
    assert float(variables["FASTSERVE_TIMEOUT_GRACEFUL_SHUTDOWN"]) < 10
    names = [name.removeprefix("FASTSERVE_").lower() for name in variables if "FASTSERVE" in name]
    assert set(names) <= Config.__dataclass_fields__.keys()


def test_the_health_check_asks_the_metrics():
    options, command = dockerfile.health_check(STEPS["HEALTHCHECK"])
    assert options.keys() == {"interval", "timeout", "start-period", "retries"}
    address = dockerfile.variables(STEPS["ENV"], {"PATH": ""})["FASTSERVE_METRICS"]
    assert f"http://{address}/ready" in command[-1]


def test_the_context_has_what_is_copied():
    ignored = dockerfile.Ignored(PATTERNS)
    for name in (
        "setup.py",
        "server/fastserve/cli.py",
        "httpparser/http2/nghttp2_unit.c",
        "examples/hello.py",
    ):
        assert not ignored(name)
        assert (ROOT / name).exists()
    for name in (".git/config", ".venv/bin/python", "tests/live.py", "vendor/llhttp/src/api.c"):
        assert ignored(name)
    assert ignored("httpparser/http1/_parser.cpython-311-x86_64-linux-gnu.so")
    for words in (text.split() for name, text in IMAGE.steps if name == "COPY"):
        if not words[0].startswith("--from"):
            assert (ROOT / words[0]).exists()


@pytest.mark.skipif(not shutil.which("hadolint"), reason="hadolint is missing")
def test_lint():
    ignored = ["--ignore", "DL3013", "--ignore", "DL3042"]  # versions are the index's
    done = subprocess.run(["hadolint", *ignored, FILE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("pattern", "path", "ignored"),
    [
        ("*", "a/b", True),
        ("*\n!a", "a/b", False),
        ("*\n!a\n**/*.c", "a/b.c", True),
        ("**/*.c", "b.c", True),
        ("a/?", "a/bc", False),
        ("# a", "a", False),
    ],
)
def test_ignored(pattern, path, ignored):
    assert dockerfile.Ignored(pattern)(path) is ignored
