"""Three servers behind a balancer of deploy/, with Redis between them: each a machine of its own.

    python -m tests.machines.hosts [--balancer haproxy] [--clients 16]

Clients send GET and POST without a pause and check each answer, while each server is restarted
(SIGTERM with --drain-delay), one is killed (SIGKILL) and, behind HAProxy, one's cable is pulled. A GET
must never fail. A POST may fail where a server died with it; it is sent again with the same key, and
Redis must have counted each key once. Prints figures; exits with 1 if it was not so.
"""

import argparse
import http.client
import os
import re
import shutil
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from . import balancers
from .namespaces import Machine, Network, Process, unavailable

ROOT = Path(__file__).parents[2]
WAIT = 60.0
PORT, METRICS = 8000, 9100
BALANCERS = [name for name in balancers.FILES if not name.endswith("tcp")]


def missing(balancer: str) -> str | None:
    """What the test needs and this machine does not have."""
    if shutil.which("redis-server") is None:
        return "redis-server is not installed"
    return balancers.missing(balancer) or unavailable()


class Hosts:
    """The machines, from `with` on. The balancer runs from its file in deploy/ as it stands."""

    def __init__(self, balancer: str = "haproxy", silence: int = 0) -> None:
        self.name = balancer
        self.silence = silence  # see balancers.start
        self.network = Network("10.86.0")
        self.temporary = TemporaryDirectory(prefix="fastserve-hosts-")
        self.folder = Path(self.temporary.name)
        self.names = balancers.NAMES
        self.servers: dict[str, Process] = {}

    def __enter__(self) -> "Hosts":
        self.network.__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.network.__exit__()
        self.temporary.cleanup()

    def _start(self) -> None:
        redis = self.network.machine("redis")
        redis.start(
            *("redis-server", "--bind", redis.address, "--protected-mode", "no", "--save", ""),
            *("--dir", self.folder),
        ).expect("Ready to accept")
        self.redis_url = f"redis://{redis.address}:6379"
        self.balancer = self.network.machine("balancer")
        for name in self.names:
            self.start(name)
        addresses = {name: self.network.machine(name).address for name in self.names}
        self.proxy = balancers.start(self.balancer, self.name, addresses, self.folder, self.silence)
        for name in self.names:
            self.wait_served(name)

    def start(self, name: str) -> None:
        machine = self.network.machine(name)
        self.servers[name] = machine.start(
            *(sys.executable, "-m", "fastserve", "tests.machines.counted_app:app"),
            *("--loop", "uvloop", "--host", "0.0.0.0", "--port", PORT, "--no-access-log"),
            *("--metrics", f"0.0.0.0:{METRICS}", "--drain-delay", 4),
            *("--timeout-graceful-shutdown", 5, "--forwarded-allow-ips", self.balancer.address),
            cwd=ROOT,
            env={**os.environ, "REDIS_URL": self.redis_url, "SERVER_NAME": name},
        )
        self.servers[name].expect("running on")

    def served(self, name: str) -> int:
        """Requests that the server has answered, by its own count."""
        with self.balancer.inside():
            address = self.network.machine(name).address
            connection = http.client.HTTPConnection(address, METRICS, timeout=WAIT)
            try:
                connection.request("GET", "/metrics")
                text = connection.getresponse().read().decode()
            finally:
                connection.close()
        counts = re.findall(r"^fastserve_requests_total\{.*\} (\S+)", text, re.MULTILINE)
        return int(sum(map(float, counts)))

    def wait_served(self, name: str) -> None:
        """Until the balancer gives it requests; sends some, if nobody else does."""
        before = self.served(name)
        deadline = time.monotonic() + WAIT
        with self.balancer.inside():
            while self.served(name) <= before:
                assert time.monotonic() < deadline, f"{name} gets no requests: {self.proxy.lines}"
                connection = http.client.HTTPConnection("127.0.0.1", balancers.HTTP, timeout=WAIT)
                try:
                    connection.request("GET", "/text/ready")
                    connection.getresponse().read()
                except OSError:
                    threading.Event().wait(0.05)  # it does not listen yet
                finally:
                    connection.close()

    def restart(self, name: str) -> None:
        machine = self.network.machine(name)
        machine.stop()
        self.start(name)
        self.wait_served(name)

    def kill(self, name: str) -> None:
        self.network.machine(name).kill()

    def count(self) -> int:
        """The count in Redis."""
        redis = self.network.machine("redis")
        return int(redis.run("redis-cli", "-h", redis.address, "get", "count"))


class Client(threading.Thread):
    """Sends one request after the other, on one connection as long as that lasts."""

    def __init__(self, number: int, machine: Machine, address: str) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.machine = machine
        self.address = address
        self.connection: http.client.HTTPConnection | None = None
        self.faults: list[str] = []
        self.seen: Counter = Counter()  # answers by method, and by server
        self.again: Counter = Counter()  # POSTs without one, by the reason
        self.longest = 0.0  # seconds
        self.answers = 0
        self.keys = 0
        self.stopping = threading.Event()
        self.start()

    def run(self) -> None:
        with self.machine.inside():
            turn = 0
            while not self.stopping.is_set():
                turn += 1
                if turn % 4:
                    self.get(f"{self.number}-{turn}")
                else:
                    self.post()
            self.close()

    def get(self, word: str) -> None:
        answer = self.timed("GET", f"/text/{word}")
        if answer == (200, word):
            self.seen["GET"] += 1
        else:
            self.faults.append(f"GET: {answer}")

    def post(self) -> None:
        self.keys += 1
        key = f"{self.number}-{self.keys}"
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            status, text = self.timed("POST", f"/count/{key}")
            if status == 200:
                self.seen["POST"] += 1
                return
            self.again[str(status or text)] += 1
        self.faults.append(f"POST: no answer for {WAIT} s")

    def timed(self, method: str, path: str) -> tuple[int, str]:
        began = time.monotonic()
        try:
            return self.exchange(method, path)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return 0, repr(error)
        finally:
            self.longest = max(self.longest, time.monotonic() - began)

    def exchange(self, method: str, path: str) -> tuple[int, str]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.address, balancers.HTTP, timeout=WAIT)
        self.connection.request(method, path)
        response = self.connection.getresponse()
        body = response.read().decode()
        self.seen[response.headers["x-server"]] += 1
        self.answers += 1
        return response.status, body

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Load:
    """Clients on a machine of their own."""

    def __init__(self, hosts: Hosts, clients: int) -> None:
        machine = hosts.network.machine("clients")
        self.clients = [Client(n, machine, hosts.balancer.address) for n in range(clients)]

    def stop(self) -> tuple[Counter, list[str], int]:
        """What became of the requests, what was wrong, and the number of keys."""
        for client in self.clients:
            client.stopping.set()
        for client in self.clients:
            client.join(2 * WAIT)
            assert not client.is_alive(), "a client has no answer"
        return (
            sum((client.seen for client in self.clients), Counter()),
            [fault for client in self.clients for fault in client.faults],
            sum(client.keys for client in self.clients),
        )

    def wait(self, requests: int) -> None:
        """Until the clients have had so many more answers."""
        target = sum(client.answers for client in self.clients) + requests
        while sum(client.answers for client in self.clients) < target:
            assert any(client.is_alive() for client in self.clients)
            threading.Event().wait(0.01)

    def repeated(self) -> dict[str, int]:
        """The POSTs that had to be sent again, by the reason."""
        total = sum((client.again for client in self.clients), Counter())
        return dict(total)

    def lap(self) -> str:
        """The figures until now, and the longest wait since the last call."""
        longest = max(client.longest for client in self.clients)
        for client in self.clients:
            client.longest = 0.0
        answers = sum(client.answers for client in self.clients)
        return f"longest wait {longest:.2f} s; {answers} answers, sent again: {self.repeated()}"


def disturb(hosts: Hosts, load: Load, say=lambda text: None, restarts: int = 3) -> None:
    """Restart servers, and kill one."""
    for name in hosts.names[:restarts]:
        hosts.restart(name)
        say(f"{name} restarted; {load.lap()}")
    # Nobody has died yet, so nothing had to be repeated.
    assert (again := load.repeated()) == {}, again
    name = hosts.names[1]
    hosts.kill(name)
    load.wait(1000)
    say(f"{name} killed, and gone for 1000 requests")
    hosts.start(name)
    hosts.wait_served(name)
    say(f"{name} serves again; {load.lap()}")


def pull_a_cable(hosts: Hosts, load: Load, say=lambda text: None) -> None:
    """A server falls silent and comes back."""
    name = hosts.names[2]
    machine = hosts.network.machine(name)
    hosts.proxy.skip()
    machine.unplug()
    hosts.proxy.expect(f"{name} is DOWN")
    machine.plug()
    hosts.proxy.expect(f"{name} is UP")
    hosts.wait_served(name)
    say(f"{name} unplugged for a while; {load.lap()}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--balancer", choices=BALANCERS, default="haproxy")
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    if reason := missing(options.balancer):
        parser.error(reason)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True)

    with_haproxy = options.balancer.startswith("haproxy")
    with Hosts(options.balancer, silence=3 * with_haproxy) as hosts:
        say(f"three servers, {options.balancer} and Redis are up")
        load = Load(hosts, options.clients)
        disturb(hosts, load, say)
        if with_haproxy:
            pull_a_cable(hosts, load, say)
        seen, faults, keys = load.stop()
        counted = hosts.count()
        logs = [
            *hosts.proxy.lines,
            *(line for server in hosts.servers.values() for line in server.lines),
        ]
    print(f"{dict(seen)}\n{keys} keys, {counted} counted; faults: {faults or 'none'}")
    print(*dict.fromkeys(logs), sep="\n")
    return int(bool(faults or keys != counted))


if __name__ == "__main__":
    sys.exit(main())
