"""The units: accepted by systemd, and their times."""

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from fastserve.config import Config

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
NAMES = ("fastserve.service", "fastserve.socket")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is missing")
def test_the_units_are_accepted(tmp_path):
    for name in NAMES:
        text = (FOLDER / name).read_text()
        # A program has to be there, and this one is not.
        tmp_path.joinpath(name).write_text(
            re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M)
        )
    command = ["systemd-analyze", "verify", *(tmp_path / name for name in NAMES)]
    done = subprocess.run(command, capture_output=True, text=True)
    ours = [
        line for line in done.stderr.splitlines() if "fastserve" in line or str(tmp_path) in line
    ]
    assert (done.returncode, ours) == (0, [])


def unit(name):
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str
    parser.read(FOLDER / name)
    return parser


def test_times_add_up():
    service = unit("fastserve.service")["Service"]
    words = shlex.split(service["ExecStart"])
    drain = float(words[words.index("--drain-delay") + 1])
    config = Config("a:b")
    stop = drain + 2 * config.timeout_graceful_shutdown + 10
    assert float(service["TimeoutStopSec"]) >= stop
    assert float(service["TimeoutStartSec"]) > config.timeout_startup + 10


def test_the_service_takes_the_socket():
    service = unit("fastserve.service")
    assert service["Unit"]["Requires"] == "fastserve.socket"
    assert service["Service"]["Type"] == "notify"
    # After an upgrade systemd itself waits for nothing, and kills at once.
    assert "tail --pid=$MAINPID" in service["Service"]["ExecStop"]
    # An address in the command would go before the socket.
    assert not re.search(r"--(bind|host|port|fd|uds)\b", service["Service"]["ExecStart"])
    assert int(unit("fastserve.socket")["Socket"]["Backlog"]) == Config("a:b").backlog
