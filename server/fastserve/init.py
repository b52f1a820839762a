"""Being PID 1, as in a container: reap orphans and pass signals on.

The kernel gives every process that loses its parent to PID 1, which has to wait for it. A server
cannot: it would take away the exit status of processes that the app waits for itself. So PID 1
becomes a parent that does nothing else, and the server runs in a child.

PID 1 gets no signal whose action is the default: a stop would be lost until there is a parent, that
is for the tenths of a second that the imports take. So the package imports this module first, and
where it is the command, stops wait from then on.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping

PASSED_ON = {
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGWINCH,
}
FROM_TERMINAL = {signal.SIGINT, signal.SIGQUIT}  # which the terminal sends to the child as well
SI_USER = 0  # si_code of kill(2); that of the kernel itself is larger

# Python has a handler for SIGINT. Others than these would end a server that is yet to begin.
STOPS = {signal.SIGTERM, signal.SIGQUIT}

is_child = False
held: set[int] | None = None  # while stops wait: the mask before


def hold() -> None:
    """Let stops wait until `split` or `release`."""
    global held
    held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)


def release() -> None:
    """Let them wait no longer; exit if one has come."""
    global held
    if held is not None:
        waiting = signal.sigpending() & (STOPS - held)
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        held = None
        if waiting:
            sys.exit(128 + min(waiting))


def is_command(arguments: list[str], original: list[str]) -> bool:
    """Whether `sys.argv` and `sys.orig_argv` are those of the command, not of a program of its own.

    While Python looks for the module of `-m`, that is the name of the program.
    """
    if arguments[:1] == ["-m"]:
        return original[-len(arguments)] in ("fastserve", "-mfastserve")
    return os.path.basename("".join(arguments[:1])) == "fastserve"


def split() -> None:
    """If this is PID 1: go on in a child, and return there. PID 1 ends with its exit status."""
    global is_child
    # A program with threads cannot fork safely.
    if os.getpid() != 1 or threading.active_count() > 1:
        return release()
    waited_for = {signal.SIGCHLD, *PASSED_ON}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    if held is not None:
        before = held
    child = os.fork()
    if child:
        os._exit(watch(child, waited_for))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    is_child = True
    os.environ.update(meant_for_us(os.environ))
    return None


def meant_for_us(environment: Mapping[str, str]) -> dict[str, str]:
    """What systemd or podman has addressed to PID 1 is for the server."""
    names = ("LISTEN_PID", "WATCHDOG_PID")
    return {name: str(os.getpid()) for name in names if environment.get(name) == "1"}


def watch(child: int, waited_for: set[signal.Signals]) -> int:
    """Until the child has ended: the exit status that a shell would tell."""
    while True:
        info = signal.sigwaitinfo(waited_for)
        if info.si_signo == signal.SIGCHLD:
            status = reap(child)
            if status is not None:
                return status
        elif info.si_signo not in FROM_TERMINAL or info.si_code <= SI_USER:
            os.kill(child, info.si_signo)  # not reaped yet, so the number is still its own


def reap(child: int) -> int | None:
    """Wait for all that have ended; the exit status of the child if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            found = code if code >= 0 else 128 - code


if os.getpid() == 1 and is_command(getattr(sys, "argv", []), sys.orig_argv):
    hold()
