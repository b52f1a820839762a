"""Machines that are network namespaces on one bridge, for tests of more than one host.

    with Network() as network:
        redis = network.machine("redis")
        redis.start("redis-server", "--bind", redis.address, "--protected-mode", "no")
        web = network.machine("web")
        server = web.start(sys.executable, "-m", "fastserve", "app:app", "--host", web.address)
        server.expect("running on")
        with network.machine("client").inside():
            httpx.get(f"http://{web.address}:8000/")  # as if from the machine "client"
        web.kill()       # power cut for its processes; the network says goodbye for them (RST)
        web.unplug()     # its cable is pulled: nobody is told
        web.plug()

Needs root, iproute2 and util-linux; `unavailable()` says what is missing. Nothing remains: processes
end with the process that started them, even if that is killed, and the namespaces of dead ones are
removed at the next start.
"""

import contextlib
import ctypes
import os
import queue
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

NAMES = Path("/run/netns")
PREFIX = "fastserve"
CLONE_NEWNET = 0x40000000
WAIT = 30.0  # seconds until what is waited for counts as failed


def unavailable() -> str | None:
    """Why there can be no machines here, or None."""
    if os.name != "posix" or os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "nsenter", "setpriv"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    name = f"{PREFIX}-{_myself()}-probe"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        return "network namespaces cannot be made here"
    ip("netns", "delete", name)
    return None


def ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def started_at(pid: int) -> str | None:
    """When a process began, in clock ticks, so that a pid that is used again is another."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def _myself() -> str:
    return f"{os.getpid()}-{started_at(os.getpid())}"


def remove_stale() -> None:
    """Remove the namespaces of processes that are no more, and what still runs in them."""
    for path in NAMES.glob(f"{PREFIX}-*"):
        found = re.match(rf"{PREFIX}-(\d+)-(\d+)-", path.name)
        if found and started_at(int(found[1])) != found[2]:
            _remove(path.name)


def _remove(name: str) -> None:
    with contextlib.suppress(OSError):  # another process may be removing it too
        for pid in ip("netns", "pids", name).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        ip("netns", "delete", name)


class Network:
    """A switch and the machines at it, from `with` on. Up to 250 machines, of unique names."""

    _count = 0

    def __init__(self, subnet: str = "10.83.0") -> None:
        Network._count += 1
        self.subnet = subnet  # of the namespaces alone: several networks can have the same
        self._prefix = f"{PREFIX}-{_myself()}-{Network._count}"
        self._switch = f"{self._prefix}-switch"
        self.machines: dict[str, Machine] = {}

    def __enter__(self) -> "Network":
        remove_stale()
        ip("netns", "add", self._switch)
        ip("-n", self._switch, "link", "add", "switch", "type", "bridge")
        ip("-n", self._switch, "link", "set", "switch", "up")
        return self

    def __exit__(self, *error: object) -> None:
        while self.machines:
            self.machines.popitem()[1].remove()
        _remove(self._switch)

    def machine(self, name: str) -> "Machine":
        """The machine of that name, which is made the first time."""
        if name not in self.machines:
            number = len(self.machines) + 1
            self.machines[name] = Machine(
                name, f"{self._prefix}-{name}", f"{self.subnet}.{number}", self._switch, number
            )
        return self.machines[name]


class Machine:
    """A host with an address, and the processes that run on it."""

    def __init__(self, name: str, namespace: str, address: str, switch: str, number: int) -> None:
        self.name = name
        self.address = address
        self.namespace = namespace
        self.processes: list[Process] = []
        self._switch, self._port = switch, f"port{number}"
        ip("netns", "add", namespace)
        cable = ["link", "add", "eth0", "netns", namespace, "type", "veth"]
        ip(*cable, "peer", "name", self._port, "netns", switch)
        ip("-n", switch, "link", "set", self._port, "master", "switch", "up")
        ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
        ip("-n", namespace, "link", "set", "lo", "up")
        ip("-n", namespace, "link", "set", "eth0", "up")

    def command(self, *command: object) -> list[str]:
        """`command` so that it runs here and ends with the process that starts it."""
        inside = ["nsenter", f"--net={NAMES / self.namespace}"]
        return [*inside, "setpriv", "--pdeathsig", "KILL", "--", *map(str, command)]

    def start(self, *command: object, **options: object) -> "Process":
        """A process that goes on. Call it in a thread that lives as long as the process."""
        process = Process(f"{self.name}: {command[0]}", self.command(*command), **options)
        self.processes.append(process)
        return process

    def run(self, *command: object, **options: object) -> str:
        """What a command that ends by itself prints."""
        done = subprocess.run(
            self.command(*command), capture_output=True, text=True, timeout=WAIT, **options
        )
        assert done.returncode == 0, f"{self.name}: {command}: {done.stderr}"
        return done.stdout

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets that this thread opens meanwhile are this machine's, and remain so."""
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            here = os.open(NAMES / self.namespace, os.O_RDONLY)
            try:
                _set_namespace(here)
            finally:
                os.close(here)
            try:
                yield
            finally:
                _set_namespace(outside)
        finally:
            os.close(outside)

    def pids(self) -> list[int]:
        """All processes here, whoever started them."""
        return [int(pid) for pid in ip("netns", "pids", self.namespace).split()]

    def stop(self) -> None:
        """SIGTERM to what `start` has started, and wait for its end."""
        for process in self.processes:
            process.signal(signal.SIGTERM)
        for process in self.processes:
            process.wait()
        self.processes.clear()

    def kill(self) -> None:
        """SIGKILL to all that runs here, or was started here and is still on its way in."""
        for pid in {*self.pids(), *(each.pid for each in self.processes if each.runs())}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.processes:
            process.wait()
        self.processes.clear()

    def unplug(self) -> None:
        """Pull the cable: peers notice nothing but silence."""
        ip("-n", self._switch, "link", "set", self._port, "down")

    def plug(self) -> None:
        ip("-n", self._switch, "link", "set", self._port, "up")

    def remove(self) -> None:
        self.kill()
        _remove(self.namespace)


def _set_namespace(descriptor: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Process:
    """A process on a machine; its output is read all the time, and kept."""

    def __init__(self, name: str, command: list[str], **options: object) -> None:
        self.name = name
        self.lines: list[str] = []
        self._unseen: queue.Queue[str | None] = queue.Queue()
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
        self.pid = self._popen.pid  # nsenter and setpriv become the command
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._popen.stdin, self._popen.stdout as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))
                self._unseen.put(self.lines[-1])
        self._unseen.put(None)

    def expect(self, pattern: str, wait: float = WAIT) -> re.Match[str]:
        """Wait for a line of its output."""
        deadline = time.monotonic() + wait
        while True:
            try:
                line = self._unseen.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.name}: no {pattern!r} in {self.lines}") from None
            assert line is not None, f"{self.name}: ended without {pattern!r}: {self.lines}"
            if found := re.search(pattern, line):
                return found

    def skip(self) -> None:
        """What it has said until now is no answer to the next `expect`."""
        with contextlib.suppress(queue.Empty):
            while self._unseen.get_nowait() is not None:
                pass

    def write(self, line: str) -> None:
        """A line for its standard input."""
        self._popen.stdin.write(line + "\n")
        self._popen.stdin.flush()

    def runs(self) -> bool:
        return self._popen.poll() is None

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def wait(self, wait: float = WAIT) -> int:
        """Its exit status, once it and all that writes to the same output have ended."""
        status = self._popen.wait(wait)
        self._reader.join(wait)
        return status

    def memory(self) -> int:
        """Bytes of it alone: its private and its part of the shared ones (PSS)."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024

    def cpu(self) -> float:
        """Seconds of processor time until now."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
