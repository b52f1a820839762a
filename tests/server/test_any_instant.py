"""Signals at any instant of a start and a stop: one process, threads, workers."""

import itertools
import signal

import pytest
from any_instant import MODES, before_a_stop, problems, steps_of

# What must not be left half done by a signal's default action.
WORK = {
    "sockets.py": {"bind", "bind_all", "close"},
    "pid_file.py": {"write", "remove"},
    "worker.py": {"__init__", "kill", "wait"},
    "importer.py": {"load"},
    "lifespan.py": {"startup", "shutdown"},
    "main_process.py": {"bind", "close", "on_serving", "on_stopping"},
}


@pytest.fixture(scope="module", params=MODES)
def played(request):
    """The mode, and the steps of its processes."""
    return request.param, steps_of(request.param)


def test_there_is_a_handler_from_the_first_to_the_last(played):
    _, steps = played
    for number in (signal.SIGTERM, signal.SIGINT):
        bare = [number.name in step.bare for step in steps["main"]]
        assert [key for key, _ in itertools.groupby(bare)] == [True, False, True]
    for step in steps["main"]:
        place, _, function = step.place.split()
        if function in WORK.get(place.split(":")[0], ()):
            assert "SIGTERM" not in step.bare
            assert "SIGINT" not in step.bare


def test_a_worker_ends_by_no_signal(played):
    """They wait until it has handlers."""
    _, steps = played
    assert not [step for step in steps.get("worker", ()) if step.bare]


def test_a_stop_at_any_step(played):
    """A few; `python tests/server/any_instant.py` plays all."""
    mode, steps = played
    for step in few([step for step in steps["main"] if "SIGTERM" not in step.bare]):
        assert not problems(mode, "main", step, signal.SIGTERM, "self")


def test_a_stop_at_any_step_of_a_worker(played):
    mode, steps = played
    for step in few(before_a_stop(steps.get("worker", []))):
        assert not problems(mode, "worker", step, signal.SIGTERM, "main")
        assert not problems(mode, "worker", step, signal.SIGINT, "group")


def few(steps):
    return [steps[len(steps) * part // 4] for part in range(4)] if steps else []


def test_a_worker_becomes_ready_as_it_is_told_to_stop():
    """The supervisor reads that when it has closed its sockets."""
    mode = "workers"
    steps = steps_of(mode)["worker"]
    (step,) = [step for step in steps if step.place.endswith(" call _on_listening")]
    assert not problems(mode, "worker", step, signal.SIGTERM, "main")
