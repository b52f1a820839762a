"""/live and /ready, and --drain-delay."""

import contextlib
import signal
import time

import pytest
from scraping import side_of
from serving import WAIT, Command, Hold, get, one_loop, send_get

from fastserve import Config
from fastserve.asgi._counters import Counters
from fastserve.health import Health
from fastserve.metrics import ThisProcess, private_counters


@pytest.fixture(params=[("uvloop", 1), ("asyncio", 1), ("uvloop", 2)], ids=str)
def serve(request):
    """Start the command with metrics on a free port, on a loop and so many workers."""
    loop, workers = request.param
    with contextlib.ExitStack() as stack:

        def start(app, *args):
            args = app, "--port", 0, "--loop", loop, "--workers", workers, *args
            return stack.enter_context(Command(*args))

        yield start


# The rules


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def process(counters=None, **fields):
    return ThisProcess([counters or private_counters()], started_at=1000.0, **fields)


def health_of(*processes, hang=60.0):
    return Health(Config("app", timeout_worker_healthcheck=hang), lambda: processes)


def test_a_server_that_starts_lives_and_is_not_ready(clock):
    for processes in ((), (process(),), (process(), process())):
        health = health_of(*processes)
        assert health.problem_of_life() is None
        assert health.problem_of_service() == "starting"


def test_one_worker_that_is_ready_is_enough(clock):
    health = health_of(process(), process(ready=True))
    assert health.problem_of_service() is None


def test_a_worker_that_stops_is_not_ready(clock):
    worker = process(ready=True)
    health = health_of(worker)
    assert health.problem_of_service() is None
    worker.stopping = True
    assert health.problem_of_service() == "no worker is ready"


def test_draining_and_stopping_are_told_first(clock):
    health = health_of(process(ready=True))
    health.draining = True
    assert health.problem_of_service() == "draining"
    health.stopping = True
    assert health.problem_of_service() == "stopping"
    assert health.problem_of_life() is None


def test_loops_that_all_hang_are_no_life(clock):
    hanging, running = process(ready=True), process(ready=True)
    health = health_of(hanging, running, hang=60.0)
    clock.now += 61
    running.started_at = clock.now
    assert health.problem_of_life() is None
    assert health.problem_of_service() is None
    clock.now += 61
    assert health.problem_of_life() == "no event loop has run for 60 s"
    assert health.problem_of_service() == "no event loop has run for 60 s"


def test_without_a_deadline_no_loop_hangs(clock):
    health = health_of(process(ready=True), hang=0)
    clock.now += 1e6
    assert health.problem_of_life() is None
    assert health.problem_of_service() is None


def test_counters_need_room():
    with pytest.raises(ValueError, match="bytes of aligned memory"):
        Counters(bytearray(8))
    with pytest.raises(BufferError):
        Counters(bytes(10000))


# The command


def test_not_ready_before_the_app_has_started(serve):
    command = serve("apps:never_starts", "--metrics", 0)
    side = side_of(command)
    command.expect("starting", "stdout")
    assert side.health("/ready") == (503, "starting")
    assert side.health("/live") == (200, "live")
    command.signal(signal.SIGTERM)
    assert command.wait() == 0


def test_ready_until_it_stops(serve):
    command = serve("apps:app", "--metrics", 0)
    side = side_of(command)
    port = command.port()
    assert side.health("/ready") == (200, "ready")
    with Hold() as hold:
        connection = send_get(port, hold.path)
        hold.wait()
        command.signal(signal.SIGTERM)
        command.expect("Stopping")
        assert side.health("/ready") == (503, "stopping")
        assert side.health("/live") == (200, "live")
        hold.release()
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert command.wait() == 0


def test_a_drain_delay_goes_on_serving_until_a_second_signal(serve):
    command = serve("apps:app", "--metrics", 0, "--drain-delay", 600)
    side = side_of(command)
    port = command.port()
    command.signal(signal.SIGTERM)
    command.expect(r"Serving for 600 s more \(drain_delay\), then stopping")
    assert side.health("/ready") == (503, "draining")
    assert side.health("/live") == (200, "live")
    for _ in range(3):
        assert get(port) == (200, "hello")  # new connections too
    with Hold() as hold:
        connection = send_get(port, hold.path)
        hold.wait()
        command.signal(signal.SIGTERM)
        command.expect("Stopping")
        assert side.health("/ready") == (503, "stopping")
        hold.release()
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert command.wait() == 0


def test_a_drain_delay_ends_by_itself(serve):
    command = serve("apps:lived", "--drain-delay", 0.2)
    command.port()
    command.signal(signal.SIGTERM)
    command.expect("Serving for 0.2 s more")
    command.expect("Stopping")
    assert command.wait() == 0
    assert "shutdown" in command.stdout


def test_ctrl_c_does_not_wait(serve):
    command = serve("apps:app", "--drain-delay", 600)
    command.port()
    command.signal(signal.SIGINT)
    assert command.wait() == 0
    assert not [line for line in command.stderr if "drain_delay" in line]


def test_a_server_that_has_not_started_does_not_wait(serve):
    command = serve("apps:never_starts", "--drain-delay", 600)
    command.expect("starting", "stdout")
    command.signal(signal.SIGTERM)
    assert command.wait() == 0


@one_loop
def test_a_server_that_hangs_says_so():
    with Command(
        "apps:app", "--port", 0, "--metrics", 0, "--timeout-worker-healthcheck", 1
    ) as command:
        side = side_of(command)
        connection = send_get(command.port(), "/hang")
        command.expect("hanging", "stdout")
        deadline = time.monotonic() + WAIT
        while side.health("/live") == (200, "live"):
            assert time.monotonic() < deadline
        problem = "no event loop has run for 1 s"
        assert side.health("/live") == side.health("/ready") == (503, problem)
        assert side.scrape()["requests_in_progress",] == 1
        connection.close()


@one_loop
def test_workers_that_hang_are_counted():
    with Command(
        *("apps:app", "--port", 0, "--workers", 2, "--metrics", 0),
        *("--timeout-worker-healthcheck", 1),
    ) as command:
        side = side_of(command)
        port = command.port()
        command.expect("is ready")
        connection = send_get(port, "/hang")
        command.expect("hangs: its event loop has not run for 1 s")
        command.expect("is ready")
        assert side.scrape().of("worker_exits_total") == {("hung",): 1}
        assert side.health("/live") == (200, "live")
        assert side.health("/ready") == (200, "ready")
        connection.close()
        command.signal(signal.SIGTERM)
        assert command.wait() == 0


def test_workers_are_replaced_during_a_drain_delay():
    with Command(
        "apps:app", "--port", 0, "--workers", 2, "--metrics", 0, "--drain-delay", 600
    ) as command:
        port = command.port()
        command.expect(r"Worker (\d+) is ready")
        command.signal(signal.SIGTERM)
        command.expect("drain_delay")
        with pytest.raises(OSError):  # noqa: PT011 - closed without a response
            get(port, "/die")
        command.expect("ended with exit status 9")
        command.expect(r"Worker (\d+) is ready")
        assert get(port) == (200, "hello")
        command.signal(signal.SIGINT)
        assert command.wait() == 0
