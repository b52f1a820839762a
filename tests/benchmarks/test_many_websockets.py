"""The clients of many_websockets.py against a server, and what becomes of their times."""

from live import Live

from benchmarks.apps.websocket import app
from benchmarks.clients.subscribers import BATCH, Subscribers
from benchmarks.many_websockets import Result, broadcast, table


class Process:
    """Subscribers in this process instead of one of their own."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.orders = []

    def order(self, line):
        self.orders.append(line)

    def answer(self):
        return self.answers.pop()


def test_every_subscriber_has_each_broadcast():
    server = Live(app, lifespan="off")
    number = BATCH + 1
    subscribers = Subscribers(server.server.ports[0], "127.0.0.9", number)
    (worker,) = subscribers.workers
    assert subscribers.workers[worker] == number
    for payload in (b"one", b"another"):
        found = subscribers.broadcast(payload, [worker])
        assert found["missing"] == 0
        assert len(found["received"]) == number
        assert min(found["received"]) > found["sent"]
    assert {sock.getsockname()[0] for sock in subscribers.sockets.values()} == {"127.0.0.9"}
    for sock in subscribers.sockets.values():
        sock.close()
    assert server.stop() is None


def test_times_count_from_the_first_trigger():
    one = Process({"sent": 10.0, "received": [10.5, 10.25], "missing": 0})
    two = Process({"sent": 10.125, "received": [10.375], "missing": 0})
    three = Process({"sent": None, "received": [11.0], "missing": 0})
    group = [(one, "1"), (two, "2,3"), (three, "")]
    assert broadcast(group, "hello") == [250, 375, 500, 1000]
    assert one.orders + two.orders + three.orders == ["hello 1", "hello 2,3", "hello "]


def test_the_table():
    result = Result("s", 3000, [1000, 2000], 5000, 1.5, 1.2, 3.4, 5.6, (4.4, 9.9), 7.8, 0)
    assert table([result]).splitlines()[-1] == (
        "| s | 3,000 | 1,000 + 2,000 | 5,000 bytes | 1.5 s | 1, 3, 6 ms (4-10) | 8 ms | 0 |"
    )
