"""Several worker processes on the same sockets: start, restart, reload, stop.

Signals: SIGTERM and SIGINT stop, a second one aborts and a third kills; SIGHUP replaces the
workers one by one without downtime; SIGUSR1 opens the log files anew that were moved; SIGTTIN and
SIGTTOU add and remove a worker; SIGUSR2 starts a new supervisor, which takes over.

A worker that does not start in time, or whose event loop hangs, is killed and replaced.
"""

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from . import logs, privileges, sockets, titles
from .banner import announce
from .config import Config
from .ending import Ending
from .errors import WorkerError
from .loops import choose_loop
from .main_process import UPGRADE_SIGNAL, MainProcess
from .monitor import Monitor
from .reactor import Reactor
from .retirement import Retirement
from .terminal import Terminal
from .watch import FILES_CHANGED, open_watch
from .worker import BEAT_SECONDS, MAX_REQUESTS, READY, START_FAILED, Worker

logger = logging.getLogger("fastserve")

# The others not while stopping. An upgrade is refused then, and the log says so.
ALWAYS_OBEYED = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, UPGRADE_SIGNAL)
MAX_FAILURES = 5  # in a row, with no worker left: a crash loop
BACKOFF = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STABLE_SECONDS = 10.0  # a worker that lived so long was not part of a crash loop
RELOAD_SECONDS = 2.0  # what requests in progress have when a file changed
RETRY_SECONDS = 30.0  # until a worker that is to be replaced is replaced after all


class Supervisor:
    """Keeps `config.workers` processes serving until a signal. Raises StartError."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._target = config.workers
        self._workers: list[Worker] = []
        self._to_replace: list[Worker] = []
        self._spawning = 0  # restarts that wait for their back-off
        self._failed_spawns = 0  # in a row, because there could be no process
        self._retrying = False  # the next try waits for its back-off
        self._failures = 0
        self._served = False  # some worker has been ready
        self._complete = False  # all of them have been, at the same time
        self._stops = 0
        self._problem: str | None = None
        self._sockets: list[socket.socket] = []
        self._terminal = Terminal()
        self._reactor = Reactor()
        self._main = MainProcess(config)
        self._monitor = Monitor(config)
        self._ending = Ending(config, self._workers, self._reactor.call_later)
        self._on_signal: dict[int, Callable[[], None]] = {
            signal.SIGINT: self._stop,
            signal.SIGTERM: partial(self._monitor.stop, self._reactor.call_later, self._stop),
            signal.SIGHUP: self._hang_up,
            signal.SIGUSR1: self._reopen_logs,
            signal.SIGTTIN: self._add_one,
            signal.SIGTTOU: self._remove_one,
            signal.SIGCHLD: self._reap,
            UPGRADE_SIGNAL: self._upgrade,
            FILES_CHANGED: self._restart_all,
        }

    def run(self) -> None:
        """Return after a clean stop."""
        if threading.current_thread() is not threading.main_thread():
            raise WorkerError("workers and reload need the main thread, where signals arrive")
        numbers = [number for number in self._on_signal if number != FILES_CHANGED]
        try:
            # Around all else: no signal may find us with half of it done or undone.
            with self._reactor.signals(numbers, self._obey) as wake:
                self._supervise(wake)
        finally:
            self._reactor.close()
        if self._problem is not None:
            raise WorkerError(self._problem)

    def _supervise(self, wake: socket.socket) -> None:
        # Once for all workers, so that one line says it.
        self._config = replace(self._config, loop=choose_loop(self._config.loop))
        watch = open_watch(self._config)
        self._retirement = Retirement(self._config)
        privileges.check_python(self._config)
        titles.set_title(self._config, "supervisor")
        try:
            self._sockets = self._main.bind()
            with watch(wake), self._monitor.open(self._main, has_workers=True):
                self._main.write_pid_file()  # now that its readers may send signals
                self._reactor.call_later(0, self._begin)  # signals that have come are first
                while self._workers or not self._stops:
                    self._reactor.turn()
        finally:
            for worker in list(self._workers):
                worker.kill()
                worker.wait()
                self._forget(worker)
                worker.close()
            sockets.close(self._sockets)
            self._main.close()

    def _begin(self) -> None:
        if not self._stops:
            self._fill()
            self._watch_workers(time.monotonic())
            self._retire_workers()

    def _obey(self, number: int) -> None:
        if not self._stops or number in ALWAYS_OBEYED:
            self._on_signal[number]()

    # Starting

    def _spawn(self, replaces: Worker | None = None) -> bool:
        """Start a worker; false, and another try later, when there can be no process now."""
        try:
            worker = Worker(self._config, self._sockets)
        except OSError as error:
            self._on_failed_spawn(error)
            return False
        self._failed_spawns = 0
        worker.replaces = replaces
        self._workers.append(worker)
        self._monitor.worker_started(worker)
        self._reactor.add_reader(worker.channel, self._on_channel, worker)
        return True

    def _on_failed_spawn(self, error: OSError) -> None:
        """Out of descriptors, memory or processes, or a deploy has moved the interpreter away."""
        if not self._served:
            self._problem = f"cannot start a worker: {error}"
            return self._stop()
        if not self._retrying:
            self._failed_spawns += 1
            delay = BACKOFF[min(self._failed_spawns, len(BACKOFF) - 1)]
            logger.error("Cannot start a worker: %s; trying again in %g s", error, delay)
            self._retrying = True
            self._reactor.call_later(delay, self._retry)
        return None

    def _retry(self) -> None:
        self._retrying = False
        if not self._stops:
            self._fill()
            self._replace_next()

    def _fill(self) -> None:
        """Start what is missing."""
        lasting = [item for item in self._workers if not item.stopping and item.replaces is None]
        for _ in range(self._target - len(lasting) - self._spawning):
            if not self._spawn():
                break

    def _on_channel(self, worker: Worker) -> None:
        if worker not in self._workers:  # reaped in this very turn
            return
        words = worker.read_words()
        if words is None:  # SIGCHLD tells the rest
            self._reactor.remove_reader(worker.channel)
            return
        worker.seen_at = time.monotonic()
        if READY in words:
            self._on_ready(worker)
        if MAX_REQUESTS in words:
            self._retire(worker, "max_requests", "has reached limit_max_requests")

    def _on_ready(self, worker: Worker) -> None:
        worker.ready = True
        worker.ready_at = time.monotonic()
        if worker.stopping:
            self._ending.on_ready(worker)
            return
        self._failures = 0
        logger.info("Worker %d is ready", worker.pid)
        if not self._served:
            self._served = True
            self._monitor.on_ready()
            addresses = [sockets.url_of(sock, self._config) for sock in self._sockets]
            announce(self._config, addresses, self._target)
            self._main.on_serving(self._sockets, self._reactor)
        if worker.replaces is not None:
            self._ending.stop(worker.replaces)
            worker.replaces = None
        if not self._complete and sum(item.ready for item in self._workers) >= self._target:
            self._complete = True
            self._main.on_complete()
            self._monitor.on_complete()
        self._replace_next()

    # Ending

    def _reap(self) -> None:
        for worker in list(self._workers):
            status = worker.exit_status()
            if status is not None:
                self._forget(worker)
                if not worker.stopping and not self._stops:
                    self._on_death(worker, status)
                elif worker.killed:
                    worker.log_stacks()
                worker.close()
        if self._config.reload and not self._workers and not self._stops and self._failures == 0:
            self._fill()

    def _forget(self, worker: Worker) -> None:
        self._workers.remove(worker)
        self._monitor.worker_ended(worker, worker.exit_reason(bool(self._stops)))
        self._reactor.remove_reader(worker.channel)
        for other in self._workers:
            if other.replaces is worker:
                other.replaces = None

    def _on_death(self, worker: Worker, status: int) -> None:
        """A worker ended that nobody had asked to."""
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        when = "" if worker.ready else " before it was ready"
        logger.error("Worker %d ended with %s%s", worker.pid, how, when)
        worker.log_stacks()
        if worker.replaces is not None:
            return self._give_up_replacing(worker.replaces)
        stable = worker.ready and time.monotonic() - worker.started_at > STABLE_SECONDS
        self._failures = 0 if stable else self._failures + 1
        if self._config.reload:
            logger.info("Waiting for a file to change")
        elif self._is_hopeless(worker, status):
            self._problem = f"the workers do not start; the last one ended with {how}"
            self._stop()
        else:
            self._spawning += 1
            delay = BACKOFF[min(self._failures, len(BACKOFF)) - 1] if self._failures else 0.0
            self._reactor.call_later(delay, self._respawn)
        return None

    def _give_up_replacing(self, worker: Worker) -> None:
        logger.error("The reload is abandoned; the old workers go on")
        waiting = [item for item in (worker, *self._to_replace) if item.worn]
        self._to_replace.clear()
        self._main.on_reloaded()
        if waiting:
            self._reactor.call_later(RETRY_SECONDS, self._replace, waiting)

    def _is_hopeless(self, worker: Worker, status: int) -> bool:
        if worker.ready or any(other.ready for other in self._workers):
            return False
        first_start_failed = not self._served and status == START_FAILED
        return first_start_failed or self._failures >= MAX_FAILURES

    def _respawn(self) -> None:
        self._spawning -= 1
        if not self._stops:
            self._fill()

    # Commands

    def _stop(self) -> None:
        self._stops += 1
        self._monitor.on_stop()
        self._to_replace.clear()
        if self._stops == 1:
            logger.info("Stopping %d workers", len(self._workers))
            self._main.on_stopping()
            sockets.close(self._sockets)  # or clients would queue for nobody
        for worker in list(self._workers):
            if self._stops > 2:
                worker.kill()
            elif self._stops > 1:
                self._ending.abort(worker)
            else:
                self._ending.stop(worker)

    def _watch_workers(self, previous: float) -> None:
        """Again and again: has each worker started in time, and does its event loop run?"""
        startup, hang = self._config.timeout_startup, self._config.timeout_worker_healthcheck
        if self._config.reload or not (startup or hang):  # a debugger may hold a worker
            return
        now = time.monotonic()
        interval = min([BEAT_SECONDS, *(limit / 4 for limit in (startup, hang) if limit)])
        # The whole machine was suspended, or this process stopped: nobody could be heard.
        deaf = max(0.0, now - previous - 2 * interval)
        for worker in self._workers:
            worker.started_at += deaf
            worker.seen_at = min(now, worker.seen_at + deaf)
            if worker.killed:
                continue
            if worker.ready and hang and now - worker.seen_at > hang:
                which = "its event loop" if self._config.threads == 1 else "one of its event loops"
                problem = f"{which} has not run for {hang:g} s (timeout_worker_healthcheck)"
                self._ending.dump_and_kill(worker, f"hangs: {problem}")
            elif not worker.ready and startup and now - worker.started_at > startup:
                problem = f"has not started within {startup:g} s (timeout_startup)"
                self._ending.dump_and_kill(worker, problem)
        self._reactor.call_later(interval, self._watch_workers, now)

    def _hang_up(self) -> None:
        if self._terminal.is_gone():
            return self._stop()
        self._reopen_logs()
        self._main.on_reload()
        return self._replace_all()

    def _reopen_logs(self) -> None:
        with privileges.as_user(self._config):
            logs.reopen()
        for worker in self._workers:
            worker.reopen_logs()

    def _upgrade(self) -> None:
        def end() -> None:
            self._monitor.hand_over()
            self._stop()

        self._main.upgrade([*self._sockets, *self._monitor.sockets], self._reactor, end)

    def _retire_workers(self) -> None:
        """Again and again: has a worker served for long enough, or grown too large?"""
        interval = self._retirement.interval
        if interval is None:
            return
        for worker, reason, text in self._retirement.due(self._workers, time.monotonic()):
            self._retire(worker, reason, text)
        self._reactor.call_later(interval, self._retire_workers)

    def _retire(self, worker: Worker, reason: str, text: str) -> None:
        """`reason` is one of EXIT_REASONS, `text` for the log."""
        if not self._stops:
            logger.info("Worker %d %s; replacing it", worker.pid, text)
            worker.worn = reason
            self._replace([worker])

    def _replace_all(self) -> None:
        logger.info("Replacing the workers one by one")
        for worker in self._workers:
            if worker.replaces is not None:  # an earlier SIGHUP's, which may hang as it starts
                worker.replaces = None
                self._ending.stop(worker)
        self._to_replace.clear()
        # Also those that are still starting: they may have imported the old files.
        self._replace([worker for worker in self._workers if not worker.stopping])

    def _replace(self, workers: list[Worker]) -> None:
        self._to_replace += [worker for worker in workers if worker not in self._to_replace]
        self._replace_next()

    def _replace_next(self) -> None:
        if self._retrying or any(worker.replaces for worker in self._workers):
            return
        while self._to_replace and not self._stops:
            worker = self._to_replace.pop(0)
            if worker in self._workers and not worker.stopping:
                if not self._spawn(replaces=worker):
                    self._to_replace.insert(0, worker)
                return
        self._main.on_reloaded()

    def _add_one(self) -> None:
        self._target += 1
        self._fill()

    def _remove_one(self) -> None:
        running = [item for item in self._workers if not item.stopping and item.replaces is None]
        if self._target > 1 and running:
            self._target -= 1
            self._ending.stop(running[-1])

    def _restart_all(self) -> None:
        """The app's files changed: end the old workers, and start anew when they are gone."""
        if self._stops:
            return
        self._failures = 0
        for worker in list(self._workers):
            if not worker.stopping:
                worker.stop()
                self._reactor.call_later(RELOAD_SECONDS, self._ending.abort, worker)
        self._reap()
