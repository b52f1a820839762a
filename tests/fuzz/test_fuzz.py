"""Some inputs of every fuzz target, the same ones each time, and what a finding leaves behind."""

import importlib
import logging
import random
import subprocess
import sys
from pathlib import Path

import beside_h11
import connections
import http2_connections
import loop
import pytest

HERE = Path(__file__).parent
INPUTS = {
    "requests": 1500, "responses": 1500, "urls": 10_000, "callbacks": 2000, "frames": 200,
    "connections": 300, "http2": 300, "http2_connections": 60,
}  # fmt: skip


@pytest.mark.parametrize("name", INPUTS)
def test_inputs(name, tmp_path):
    target = importlib.import_module(f"fuzz_{name}").TARGET
    assert loop.run_own_loop(target, 0, executions=INPUTS[name], folder=tmp_path) == INPUTS[name]
    assert list(tmp_path.iterdir()) == []


def test_every_target_is_tried_here_and_in_make_fuzz():
    campaign = importlib.import_module("campaign")
    files = {path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py")}
    assert set(campaign.TARGETS) == set(INPUTS) == files


@pytest.mark.parametrize("module", [connections, http2_connections], ids=["http1", "http2"])
def test_a_play_is_the_same_each_time(module, caplog):
    caplog.set_level(logging.CRITICAL + 1, "fastserve")  # a logged traceback holds what it names
    for number in range(20):
        first, again = (module.play(random.Random(number), b"") for _ in range(2))
        assert first == again


def refuse_nul(chance, data):
    assert b"\0" not in data


def test_a_finding_is_kept(tmp_path):
    target = loop.Target("nul", refuse_nul, [b"abc"], [b"\0"])
    with pytest.raises(AssertionError) as caught:
        loop.run_own_loop(target, 0, seconds=60, folder=tmp_path)
    (finding,) = tmp_path.iterdir()
    assert str(finding) in caught.value.__notes__[0]
    with pytest.raises(AssertionError):
        target.execute(finding.read_bytes())


CRASH = """
import os, sys, pathlib
sys.path.insert(0, sys.argv[1])
import loop
target = loop.Target("crash", lambda chance, data: os.abort(), [b"abc"], [b"d"])
loop.run_own_loop(target, 7, folder=pathlib.Path(sys.argv[2]))
"""


def test_an_input_that_crashes_is_kept(tmp_path):
    run = subprocess.run([sys.executable, "-c", CRASH, HERE, tmp_path], capture_output=True)
    assert run.returncode != 0
    (kept,) = tmp_path.iterdir()
    assert kept.read_bytes() == loop.Target("crash", refuse_nul, [b"abc"], [b"d"]).input(7)


SIDES = {"request": beside_h11.requests, "response": beside_h11.responses}


@pytest.mark.parametrize("name", beside_h11.EXPLAINED)
def test_each_disagreement_with_h11_is_still_one(name):
    assert SIDES[name.partition(":")[0]](beside_h11.EXPLAINED[name].example) == name


def test_a_disagreement_that_nobody_explained_is_a_finding():
    beside_h11.check("", b"")
    beside_h11.check(next(iter(beside_h11.EXPLAINED)), b"")
    with pytest.raises(AssertionError, match="request: another body"):
        beside_h11.check("request: another body", b"")
