"""examples/push on three servers behind HAProxy, with Redis: each of them a machine of its own.

    python -m tests.machines.push_cluster --clients 5000 [--rate 10]

Messages are published all the time through the balancer, while each server is restarted (SIGTERM,
then started again), one is killed (SIGKILL), another one's cable is pulled, and Redis is killed.
Each client must get each message of its channels once and in order. Prints figures; exits with 1 if a client did not.
"""

import argparse
import http.client
import itertools
import json
import os
import resource
import shutil
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from .namespaces import Network, Process, unavailable

ROOT = Path(__file__).parents[2]
WAIT = 120.0
PORT = 8000
HAPROXY = """
global
    maxconn {connections}
    nbthread 1
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    timeout check 2s
    option redispatch 1
    retries 3
frontend web
    bind {address}:{port}
    default_backend servers
backend servers
    balance leastconn
    # Not /health: while Redis is away, clients had better remain where they are.
    option httpchk HEAD /
    default-server check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
"""


def missing() -> str | None:
    """What the cluster needs and this machine does not have."""
    for tool in ("haproxy", "redis-server"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    return unavailable()


class Cluster:
    """The machines, from `with` on."""

    def __init__(self, servers: int = 3, connections: int = 1000, **environment: str) -> None:
        self.names = [f"server{n + 1}" for n in range(servers)]
        self.connections = connections
        self.network = Network()
        self.environment = environment
        self.folder = TemporaryDirectory(prefix="fastserve-push-")
        self.servers: dict[str, Process] = {}

    def __enter__(self) -> "Cluster":
        self.network.__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.network.__exit__()
        self.folder.cleanup()

    def _start(self) -> None:
        self.start_redis()
        self.redis_url = f"redis://{self.network.machine('redis').address}:6379"
        for name in self.names:
            self.start(name)
        balancer = self.balancer = self.network.machine("balancer")
        lines = HAPROXY.format(connections=self.connections, address=balancer.address, port=PORT)
        for name in self.names:
            lines += f"    server {name} {self.network.machine(name).address}:{PORT}\n"
        config = Path(self.folder.name, "haproxy.cfg")
        config.write_text(lines)
        self.haproxy = balancer.start("haproxy", "-f", config, "-db")

    def start_redis(self) -> None:
        """It keeps what it has acknowledged, as clients rely on it."""
        machine = self.network.machine("redis")
        machine.start(
            *("redis-server", "--bind", machine.address, "--protected-mode", "no", "--save", ""),
            *("--dir", self.folder.name, "--appendonly", "yes", "--appendfsync", "always"),
        ).expect("Ready to accept")

    def start(self, name: str) -> None:
        machine = self.network.machine(name)
        self.servers[name] = machine.start(
            *(sys.executable, "-m", "fastserve", "examples.push:app", "--loop", "uvloop"),
            *("--host", machine.address, "--port", PORT, "--no-access-log"),
            *("--ws-max-size", 65_536, "--timeout-graceful-shutdown", 2),
            cwd=ROOT,
            env={**os.environ, "REDIS_URL": self.redis_url, **self.environment},
        )
        self.servers[name].expect("running on")

    def restart(self, name: str) -> None:
        self.network.machine(name).stop()
        self.start(name)

    def kill(self, name: str) -> None:
        self.network.machine(name).kill()


class Crowd:
    """The clients, in processes on one machine."""

    def __init__(self, cluster: Cluster, clients: int, groups: int, processes: int) -> None:
        machine = cluster.network.machine("clients")
        self.processes = [
            machine.start(
                *(sys.executable, "-m", "tests.machines.push_clients"),
                *(cluster.balancer.address, PORT, "--groups", groups),
                *("--first", first, "--clients", min(clients // processes, clients - first)),
                cwd=ROOT,
            )
            for first in range(0, clients, clients // processes)
        ]

    def wait_whole(self) -> None:
        """Until all clients are connected and subscribed."""
        for process in self.processes:
            process.write("whole")
        for process in self.processes:
            process.expect("^whole", WAIT)

    def finish(self, last: dict[str, int]) -> list[dict]:
        """The reports, once all clients have got the last message of each channel."""
        for process in self.processes:
            process.write(f"finish {json.dumps(last)}")
        return [json.loads(process.expect("^report (.*)", WAIT)[1]) for process in self.processes]


class Publisher:
    """Posts message after message through the balancer, again when it had no answer."""

    THREADS = 4  # one channel is always the same thread's, so that its messages have an order

    def __init__(self, cluster: Cluster, groups: int, rate: float) -> None:
        self.machine = cluster.network.machine("publisher")
        self.address = cluster.balancer.address
        self.channels = [*(f"group-{n}" for n in range(groups)), "all"]
        self.last = dict.fromkeys(self.channels, 0)
        self.repeated = 0
        self.faults: list[str] = []
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(
                daemon=True,
                target=self.run,
                args=(self.channels[n :: self.THREADS], rate / self.THREADS),
            )
            for n in range(self.THREADS)
        ]
        for thread in self.threads:
            thread.start()

    def run(self, channels: list[str], rate: float) -> None:
        try:
            with self.machine.inside():
                due = time.monotonic()
                for channel in itertools.cycle(channels):
                    if self.stopping.wait(max(0, due - time.monotonic())):
                        return
                    self.publish(channel, self.last[channel] + 1)
                    due += 1 / rate
        except Exception as error:
            self.faults.append(repr(error))

    def publish(self, channel: str, number: int) -> None:
        while not self.faults:
            try:
                status, answer = self.post(channel, number)
            except (OSError, http.client.HTTPException):
                status, answer = 0, {}
            if status == 201:
                if int(answer["id"].split("-")[1]) != number:
                    self.faults.append(f"message {number} of {channel} became {answer}")
                self.last[channel] = number
                return
            # The key makes it one message, should the first have come through. Even when it is to
            # stop: what has come through counts.
            self.repeated += 1
            self.stopping.wait(0.1)

    def post(self, channel: str, number: int) -> tuple[int, dict]:
        connection = http.client.HTTPConnection(self.address, PORT, timeout=5)
        try:
            path = f"/channels/{channel}/messages?user=publisher"
            headers = {"Idempotency-Key": str(number)}
            connection.request("POST", path, str(number), headers)
            response = connection.getresponse()
            body = response.read()
            return response.status, json.loads(body) if response.status == 201 else {}
        finally:
            connection.close()

    def stop(self) -> dict[str, int]:
        """The number of messages in each channel."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(WAIT)
            assert not thread.is_alive(), "the publisher does not stop"
        return self.last


def disturb(cluster: Cluster, crowd: Crowd, say=lambda text: None) -> None:
    """Restart every server, one by one, and kill one; wait for all clients after each."""
    for name in cluster.names:
        cluster.restart(name)
        crowd.wait_whole()
        say(f"{name} restarted")
    name = cluster.names[1]
    cluster.kill(name)
    crowd.wait_whole()
    cluster.start(name)
    say(f"{name} killed, and started again")


def pull_a_cable(cluster: Cluster, crowd: Crowd, say=lambda text: None) -> None:
    """A server falls silent and comes back; wait for all clients in between."""
    machine = cluster.network.machine(cluster.names[2])
    cluster.haproxy.skip()
    machine.unplug()
    cluster.haproxy.expect(f"{machine.name} is DOWN")
    crowd.wait_whole()
    machine.plug()
    say(f"{machine.name} unplugged for a while")


def restart_redis(cluster: Cluster, crowd: Crowd, say=lambda text: None) -> None:
    cluster.network.machine("redis").kill()
    cluster.start_redis()
    crowd.wait_whole()
    say("Redis killed, and started again")


def total(reports: list[dict], what: str) -> int:
    return sum(report[what] for report in reports)


def gather(reports: list[dict], what: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for report in reports:
        for name, count in report[what].items():
            counts[name] = counts.get(name, 0) + count
    return counts


def expected(last: dict[str, int], clients: int, groups: int) -> int:
    """Deliveries, if every client is there from the first message on."""
    return sum(last[f"group-{n % groups}"] + last["all"] for n in range(clients))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=5000)
    parser.add_argument("--groups", type=int, default=20, help="channels beside `all`")
    parser.add_argument("--rate", type=float, default=10, help="messages per second")
    parser.add_argument("--processes", type=int, default=2, help="of clients")
    options = parser.parse_args()
    if reason := missing():
        parser.error(reason)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True)

    with Cluster(connections=options.clients + 500) as cluster:
        say("three servers, HAProxy and Redis are up")
        crowd = Crowd(cluster, options.clients, options.groups, options.processes)
        crowd.wait_whole()
        say(f"{options.clients} clients are connected")
        for name, process in cluster.servers.items():
            say(f"{name}: {process.memory() / 1e6:.0f} MB")
        publisher = Publisher(cluster, options.groups, options.rate)
        disturb(cluster, crowd, say)
        pull_a_cable(cluster, crowd, say)
        restart_redis(cluster, crowd, say)
        last = publisher.stop()
        say("published everything")
        reports = crowd.finish(last)
        say("received everything")
        for name, process in cluster.servers.items():
            say(f"{name}: {process.memory() / 1e6:.0f} MB, {process.cpu():.0f} s of CPU")
        logs = [line for server in cluster.servers.values() for line in server.lines]
    faults = gather(reports, "faults")
    due, got = expected(last, options.clients, options.groups), total(reports, "messages")
    print(
        f"{sum(last.values())} messages, {publisher.repeated} times posted again; "
        f"{got} deliveries of {due}; {total(reports, 'cut_off')} clients cut off, with close codes "
        f"{gather(reports, 'closed')}; {total(reports, 'refused')} attempts refused; "
        f"faults: {faults or publisher.faults or 'none'}"
    )
    print(*dict.fromkeys(logs), sep="\n")
    return int(bool(faults or publisher.faults or got != due))


if __name__ == "__main__":
    sys.exit(main())
