"""With this folder on PYTHONPATH, a process of the server writes down its steps, or one has an event.

A step is where its main thread calls or returns: `server.py:120 call run`. any_instant.py says what
the environment has. `--threads` is accepted on a Python with the GIL.
"""

import os
import signal
import sys
import time

import fastserve.gil

fastserve.gil.require_off = lambda: None

STEPS = os.environ.get("STEPS", "")  # a folder; each process writes a file ROLE-PID
AT = os.environ.get("STEP_AT", "")  # ROLE, STEP and what is bare there: where to send
SIGNAL = int(os.environ.get("STEP_SIGNAL", signal.SIGTERM))
TO = os.environ.get("STEP_TO", "")  # self, main, or group
ONCE = os.environ.get("STEP_ONCE", "")  # a file, made by the first process that comes to the step
WAIT = 30
WATCHED = [
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
]
ROLE = "worker" if "fastserve.worker" in sys.orig_argv else "main"


def bare():
    """The signals that would end the process now, or show a traceback."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    nothing = signal.SIG_DFL, signal.default_int_handler
    return [n.name for n in WATCHED if signal.getsignal(n) in nothing and n not in held]


def write(frame, event, argument):
    path = frame.f_code.co_filename
    if "/fastserve/" in path:
        step = f"{os.path.basename(path)}:{frame.f_lineno} {event} {frame.f_code.co_name}"
        state = ",".join(bare())
        if (step, state) not in SEEN:
            SEEN.add((step, state))
            os.write(FILE, f"{state}|{step}\n".encode())


def watch(frame, event, argument):
    path = frame.f_code.co_filename
    is_here = event == EVENT and frame.f_lineno == LINE and path.endswith(f"/fastserve/{NAME}")
    if is_here and ",".join(bare()) == BARE:
        sys.setprofile(None)
        send()


def send():
    try:
        os.close(os.open(ONCE, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return
    if TO == "group":
        os.killpg(0, SIGNAL)
    elif TO == "self":
        os.kill(os.getpid(), SIGNAL)
    else:
        send_to_main()


def send_to_main():
    """And go on when the supervisor has told this worker to stop."""
    handler, told = signal.getsignal(signal.SIGTERM), []
    if callable(handler):
        signal.signal(signal.SIGTERM, lambda *args: told.append(args))
    os.kill(os.getppid(), SIGNAL)
    deadline = time.monotonic() + WAIT
    while not told and signal.SIGTERM not in signal.sigpending():
        assert time.monotonic() < deadline, "the supervisor does not pass the signal on"
        time.sleep(0.001)
    signal.signal(signal.SIGTERM, handler)
    if told:
        handler(*told[0])


if STEPS:
    SEEN = set()
    FILE = os.open(f"{STEPS}/{ROLE}-{os.getpid()}", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    sys.setprofile(write)
elif AT.startswith(f"{ROLE} "):
    PLACE, EVENT, _, BARE = AT.split(" ")[1:]
    NAME, LINE = PLACE.split(":")[0], int(PLACE.split(":")[1])
    sys.setprofile(watch)
