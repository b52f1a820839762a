"""A signal at each step of the processes of a server: `python tests/server/any_instant.py [MODE]`.

The steps are those that tests/server/steps/sitecustomize.py writes down: there are some hundred in
each process. test_any_instant.py plays a few of them, this file plays all, which takes an hour.
"""

import dataclasses
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from serving import HERE, Command, wait_for

STEPS = HERE / "steps"
MODES = {
    "one": (),
    "threads": ("--threads", 2),
    "workers": ("--workers", 2),
    "workers-threads": ("--workers", 2, "--threads", 2),
}
FAULTS = re.compile(r"Traceback|Error|Exception|Fatal|ERROR|WARNING|Terminated")
READY = re.compile(r"Worker \d+ is ready|running on ")


@dataclasses.dataclass(frozen=True)
class Step:
    place: str  # FILE:LINE EVENT FUNCTION
    bare: tuple[str, ...]  # the signals that have their default action here


def start(mode, **variables):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell has started us in background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    path = os.pathsep.join([str(STEPS), str(HERE)])
    env = {**os.environ, "PYTHONPATH": path, **variables}
    args = "apps:lived", "--port", 0, *MODES[mode]
    return Command(*args, env=env, start_new_session=True)


def is_ready(command, mode):
    count = 3 if "workers" in mode else 1
    return sum(bool(READY.search(line)) for line in command.lines["stderr"]) >= count


def steps_of(mode):
    """{"main": steps in their order, "worker": those of one of the workers}, to a stop."""
    with tempfile.TemporaryDirectory() as folder:
        with start(mode, STEPS=folder) as command:
            wait_for(lambda: is_ready(command, mode))
            command.signal(signal.SIGTERM)
            assert command.wait() == 0, command.lines
        return {path.name.split("-")[0]: read(path) for path in Path(folder).iterdir()}


def read(path):
    found = []
    for line in path.read_text().splitlines():
        bare, _, place = line.partition("|")
        found.append(Step(place, tuple(filter(None, bare.split(",")))))
    return found


def problems(mode, role, step, number, to):
    """What is wrong when this signal comes at this step: nothing, if all is as documented.

    `to`: self, main (from a worker, which goes on once it has been told to stop) or group.
    """
    with tempfile.TemporaryDirectory() as folder:
        sent = Path(folder, "sent")
        at = f"{role} {step.place} {','.join(step.bare)}"
        variables = {"STEP_AT": at, "STEP_SIGNAL": str(int(number))}
        with start(mode, **variables, STEP_TO=to, STEP_ONCE=str(sent)) as command:
            process = command.process
            wait_for(lambda: sent.exists() or is_ready(command, mode) or process.poll() is not None)
            begun = not sent.exists()  # the step is one of the stop
            if begun or number == signal.SIGHUP:
                wait_for(lambda: is_ready(command, mode) or process.poll() is not None)
                command.signal(signal.SIGTERM)
            try:
                status = command.wait()
            except subprocess.TimeoutExpired:
                return [f"it goes on: {command.lines}"]
        return list(found(command, status, role, step, number, to, begun))


def found(command, status, role, step, number, to, begun):
    is_bare = role == "main" and number.name in step.bare
    wanted = {-number, 130 if number == signal.SIGINT else -number} if is_bare else {0}
    if status not in wanted:
        yield f"status {status}, not {wanted}"
    faults = [line for line in command.lines["stderr"] if FAULTS.search(line)]
    if begun:  # it was the second signal
        faults = [line for line in faults if "The application's shutdown was cut off" not in line]
    if faults and not (is_bare and number == signal.SIGINT):
        yield f"{faults}"
    starts, stops = (command.stdout.count(word) for word in ("startup", "shutdown"))
    if starts != stops and not (begun or is_bare):
        yield f"{starts} startups, {stops} shutdowns"
    if status == 0 and not any("Stop" in line for line in command.stderr):
        yield "the log does not have the stop"


def before_a_stop(steps):
    """Those of a worker until it is told."""
    places = [step.place.split()[2] for step in steps]
    return steps[: places.index("handle_exit")] if steps else []


def plays(mode):
    """(role, step, signal, to): what there is to play."""
    steps = steps_of(mode)
    for step in steps["main"]:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number.name not in step.bare:
                yield "main", step, number, "self"
    for step in before_a_stop(steps.get("worker", [])):
        yield "worker", step, signal.SIGTERM, "main"
        yield "worker", step, signal.SIGTERM, "group"
        yield "worker", step, signal.SIGINT, "group"


if __name__ == "__main__":
    failed = 0
    for mode in sys.argv[1:] or MODES:
        for play in plays(mode):
            for problem in problems(mode, *play):
                failed += 1
                print(mode, *play, problem, flush=True)
    sys.exit(bool(failed))
