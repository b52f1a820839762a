"""Which workers are replaced for their age or their memory, and how often."""

import signal

import pytest
from serving import Command, get

from fastserve import Config, ConfigError, retirement
from fastserve.retirement import BACKOFF, Retirement

MIB = 1024 * 1024


class Worker:
    """As much of one as is looked at."""

    def __init__(self, pid, ready_at=0.0):
        self.pid, self.ready_at = pid, ready_at
        self.ready, self.stopping, self.worn = True, False, False
        self.too_large_at = self.extra_lifetime = None


@pytest.fixture
def memory(monkeypatch):
    """{pid: bytes}, of which the test decides."""
    found = {}
    monkeypatch.setattr(retirement, "memory_of", lambda pid: found.get(pid, 0))
    return found


def due(found, workers, now):
    return [(worker.pid, text) for worker, _, text in found.due(workers, now)]


def test_nothing_is_looked_for_by_default():
    assert Retirement(Config("apps:app")).interval is None


def test_lifetime():
    found = Retirement(Config("apps:app", worker_lifetime=100))
    workers = [Worker(1), Worker(2, 50.0)]
    assert due(found, workers, 99) == []
    assert due(found, workers, 100) == [(1, "has served for 100 s (worker_lifetime)")]
    assert found.interval == 2


def test_jitter_is_drawn_once_for_each_worker():
    found = Retirement(Config("apps:app", worker_lifetime=100, worker_lifetime_jitter=100))
    workers = [Worker(pid) for pid in range(50)]
    ends = []
    for now in range(100, 201, 10):
        ends += [(now, pid) for pid, _ in due(found, workers, now)]
        for worker in workers:
            worker.worn = worker.worn or worker.pid in {pid for _, pid in ends}
    assert len(ends) == 50
    assert len({now for now, _ in ends}) > 3
    assert all(0 <= worker.extra_lifetime <= 100 for worker in workers)


def test_memory(memory):
    found = Retirement(Config("apps:app", worker_max_memory="100M"))
    workers = [Worker(1), Worker(2)]
    memory.update({1: 100 * MIB, 2: 101 * MIB})
    assert due(found, workers, 1000) == [(2, "uses 101 MiB (worker_max_memory is 100 MiB)")]


@pytest.mark.parametrize(("name", "value"), [("ready", False), ("stopping", True), ("worn", True)])
def test_those_that_are_not_asked(memory, name, value):
    found = Retirement(Config("apps:app", worker_max_memory=1, worker_lifetime=1))
    worker = Worker(1)
    memory[1] = MIB
    setattr(worker, name, value)
    assert due(found, [worker], 1000) == []


def test_a_limit_that_is_too_low_is_no_fork_loop(memory):
    found = Retirement(Config("apps:app", worker_max_memory=1))
    times, now, worker = [], 0.0, Worker(1)
    memory[1] = MIB
    for _ in range(2000):
        now += 2
        reasons = due(found, [worker], now)
        if reasons:
            times.append(now)
            worker = Worker(1, now)
            last = reasons[0][1]
    assert len(times) < 20
    assert times[-1] - times[-2] >= BACKOFF[-1]
    assert "is the limit too low?" in last


def test_a_leak_that_takes_its_time_is_not_held_up(memory):
    found = Retirement(Config("apps:app", worker_max_memory=1))
    memory.update(dict.fromkeys(range(10), MIB))
    workers = [Worker(pid) for pid in range(10)]
    assert len(due(found, workers, 1000)) == 10


def test_needs_proc(monkeypatch):
    monkeypatch.setattr(retirement, "memory_of", lambda pid: None)
    with pytest.raises(ConfigError, match="worker_max_memory: needs /proc"):
        Retirement(Config("apps:app", worker_max_memory=1))


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (5, 5),
        ("5", 5),
        ("2k", 2048),
        ("512M", 512 * MIB),
        ("1GiB", 1024 * MIB),
        ("1 gb", 1024 * MIB),
    ],
)
def test_sizes(given, value):
    assert Config("apps:app", worker_max_memory=given).worker_max_memory == value


@pytest.mark.parametrize("given", ["", "M", "1.5G", "-1", "1T", "1e3"])
def test_what_is_no_size(given):
    with pytest.raises(ConfigError, match=r"worker_max_memory: .* is not a size, as 512M"):
        Config("apps:app", worker_max_memory=given)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--worker-lifetime", "0.5", r"has served for \d s \(worker_lifetime\)"),
        ("--worker-max-memory", "1M", r"uses \d+ MiB \(worker_max_memory is 1 MiB\)"),
    ],
)
def test_one_worker_is_replaced_once_its_successor_is_ready(option, value, said):
    """With a supervisor, although one worker alone is asked for."""
    with Command("apps:app", "--port", "0", option, value) as command:
        port = command.port()
        old = int(command.expect(rf"Worker (\d+) {said}; replacing it")[1])
        new = int(command.expect(r"Worker (\d+) is ready")[1])
        command.expect("INFO: Stopping$")
        assert new != old
        assert get(port) == (200, "hello")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0


def test_a_successor_that_cannot_start_is_tried_again_later(tmp_path, monkeypatch):
    app = tmp_path / "changing.py"
    app.write_text("async def app(scope, receive, send): pass\n")
    args = "changing:app", "--app-dir", tmp_path, "--port", "0", "--worker-lifetime", "1"
    with Command(*args) as command:
        command.port()
        app.write_text("raise SystemError\n")
        old = int(command.expect(r"Worker (\d+) has served for")[1])
        command.expect("The reload is abandoned; the old workers go on")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
        assert sum(f"Worker {old} has served" in line for line in command.stderr) == 1
