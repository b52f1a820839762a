"""Being PID 1, as in a container: reap orphans and pass signals on.

The kernel gives every process that loses its parent to PID 1, which has to wait for it. A server
cannot: it would take away the exit status of processes that the app waits for itself. So PID 1
becomes a parent that does nothing else, and the server runs in a child.
"""

import os
import signal
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

is_child = False


def split() -> None:
    """If this is PID 1: go on in a child, and return there. PID 1 ends with its exit status."""
    global is_child
    # A program with threads cannot fork safely.
    if os.getpid() != 1 or threading.active_count() > 1:
        return
    waited_for = {signal.SIGCHLD, *PASSED_ON}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    child = os.fork()
    if child:
        os._exit(watch(child, waited_for))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    is_child = True
    os.environ.update(meant_for_us(os.environ))


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
