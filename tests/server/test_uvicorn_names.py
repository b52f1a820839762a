"""What people type and write for uvicorn has the same outcome here, or a listed reason.

The tables are in uvicorn_names/. A process for each server, uvicorn and fastserve, goes through
them: command lines that serve, what command lines make of options, and what programs see.
"""

import json
import subprocess
import sys

import click
import pytest
from serving import HERE
from uvicorn_names.commands import PARSED, SERVED
from uvicorn_names.programs import DIFFERENT, PROGRAMS

from fastserve.cli import command
from fastserve.config import options

sys.path.append(str(HERE.parents[1] / "docs"))
from uvicorn_differences import DEFAULTS, DIFFERENCES, MISSING

uvicorn_main = pytest.importorskip("uvicorn.main", reason="uvicorn is not installed")

PACKAGES = ("uvicorn", "fastserve")
SECONDS = 300  # on a busy machine; alone they take 15

pytestmark = pytest.mark.timeout(SECONDS)


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    """What side.py found with each server, at the same time."""
    folder = tmp_path_factory.mktemp("sides")
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "uvicorn_names.side", package, folder / package],
            cwd=HERE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for package in PACKAGES
    ]
    for process in processes:
        _, log = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, log
    return {package: json.loads((folder / package).read_text()) for package in PACKAGES}


def compare(theirs, ours, differs):
    if differs:
        assert differs in DIFFERENCES
        assert ours != theirs, "listed as different, but it is the same"
    else:
        assert ours == theirs
    assert "Traceback" not in str(ours)


@pytest.mark.parametrize("name", PARSED)
def test_a_command_line_sets_the_same_options(sides, name):
    theirs, ours = (sides[package]["parsed"][name] for package in PACKAGES)
    compare(theirs, ours, PARSED[name].differs)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_sees_the_same(sides, name):
    theirs, ours = (sides[package]["programs"][name] for package in PACKAGES)
    compare(theirs, ours, DIFFERENT.get(name, ""))


@pytest.mark.parametrize("name", SERVED)
def test_a_command_serves_in_the_same_way(sides, name):
    theirs, ours = (sides[package]["served"][name] for package in PACKAGES)
    compare(theirs, ours, SERVED[name].differs)


# Options one by one

OURS = {option.name: option for option in options()}
THEIRS = {
    param.name: param for param in uvicorn_main.main.params if isinstance(param, click.Option)
}
SPECIAL = {"version", "help"}


def test_every_option_of_uvicorn_is_ours():
    assert THEIRS.keys() - SPECIAL - OURS.keys() == MISSING.keys()


@pytest.mark.parametrize("name", sorted(THEIRS.keys() - SPECIAL - MISSING.keys()))
def test_an_option_has_uvicorns_flags(name):
    (ours,) = [param for param in command.params if param.name == name]
    theirs = THEIRS[name]
    assert set(theirs.opts) <= set(ours.opts)
    assert set(theirs.secondary_opts) <= set(ours.secondary_opts)


@pytest.mark.parametrize("name", sorted(THEIRS.keys() - SPECIAL - MISSING.keys()))
def test_an_option_has_uvicorns_default_or_a_reason(name):
    theirs = plain(THEIRS[name].get_default(click.Context(uvicorn_main.main)))
    ours = plain(OURS[name].default)
    same = theirs == ours or (theirs is None and "env" in OURS[name].rules)  # read from there
    assert same != (name in DEFAULTS)


def plain(value):
    """None, no number and an empty list are no limit or nothing given."""
    if value is None or repr(value) == "Sentinel.UNSET" or value in (0, (), "", "none"):
        return None
    return value


def test_the_number_of_cases():
    assert len(PARSED) + len(SERVED) >= 60
    assert len(PROGRAMS) >= 40
    listed = {case.differs for case in (*PARSED.values(), *SERVED.values())}
    assert listed | set(DIFFERENT.values()) == DIFFERENCES.keys() | {""}


def test_every_text_of_a_difference_is_a_sentence():
    for reason in (*DEFAULTS.values(), *MISSING.values()):
        assert reason.endswith(".")
    for theirs, ours, why in DIFFERENCES.values():
        assert why.endswith(".")
        assert not theirs.endswith(".")
        assert not ours.endswith(".")
