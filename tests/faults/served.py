"""A server under a fault: the real command, of fastserve or of a peer, and what it does."""

import contextlib
import dataclasses
import importlib.util
import os
import random
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
CERT = HERE.parent / "server" / "tls" / "cert.pem"
KEY = HERE.parent / "server" / "tls" / "key.pem"
SERVERS = ("fastserve", "uvicorn", "hypercorn", "granian")
WAIT = 30.0
GET = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"
HANDSHAKE = (
    b"GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
CHUNKED = b"POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclasses.dataclass
class Verdict:
    """What a fault came to: a figure with its unit, and whether the server kept its promise."""

    fault: str
    figure: str
    kept: bool

    def __str__(self):
        return f"{self.fault}: {self.figure} - {'kept' if self.kept else 'BROKEN'}"


def is_installed(server):
    return importlib.util.find_spec(server) is not None


def command(server, app, port, workers, tls):
    """How each server is told the same."""
    python = [sys.executable, "-m", server]
    files = (str(CERT), str(KEY))
    if server == "hypercorn":
        args = [app, "--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
        args += ["--access-logfile", "-"]
        return python + args + (["--certfile", files[0], "--keyfile", files[1]] if tls else [])
    args = [app, "--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)]
    if server == "granian":
        args += ["--interface", "asgi", "--access-log"]
        return python + args + (["--ssl-certificate", files[0], "--ssl-keyfile", files[1]] * tls)
    return python + args + (["--ssl-certfile", files[0], "--ssl-keyfile", files[1]] * tls)


def free_port():
    """One that no client can be given meanwhile: it is below those that Linux gives to clients."""
    while True:
        port = random.randrange(10_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class Served:
    """The command, from when its port accepts until the end of the `with` block."""

    def __init__(self, server, app, *options, workers=1, tls=False, limits="", wait=True, **popen):
        self.port = free_port()
        args = [*command(server, f"fault_apps:{app}", self.port, workers, tls), *map(str, options)]
        if limits:
            args = ["sh", "-c", f'{limits} && exec "$@"', "sh", *args]
        self.tls = tls
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this
        popen = {"stdout": self._output, "stderr": self._output, **popen}
        path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(HERE)]))
        environment = {**os.environ, "PYTHONPATH": path, **popen.pop("env", {})}
        self.process = subprocess.Popen(
            args, cwd=HERE, env=environment, start_new_session=True, **popen
        )
        if wait and not self.until(self.accepts, 4 * WAIT):
            said = self.output()
            self.__exit__()
            raise TimeoutError(f"{args} does not accept: {said}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self._output.close()

    def accepts(self):
        try:
            self.connect().close()
        except OSError:
            return False
        return True

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), WAIT)
        if not self.tls:
            return sock
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(sock)

    def get(self, path):
        """The body of an answer on a connection of its own; OSError without one."""
        with self.connect() as sock:
            return ask(sock, path)

    def output(self):
        # From the start without seek(): the server's processes write where its position is.
        fd = self._output.fileno()
        return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")

    def pids(self):
        """The processes of the server's session that run."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, IndexError, ValueError):
                # The command, in parentheses, may hold anything: count fields after it.
                state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(session) == self.process.pid and state not in "ZX":
                    found.append(int(entry.name))
        return found

    def peak(self):
        """The largest resident memory that the processes have had, in bytes, all together."""
        peak = 0
        for pid in self.pids():
            with contextlib.suppress(OSError, TypeError):
                status = Path(f"/proc/{pid}/status").read_text()
                peak += int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
        return peak

    def connections(self):
        """How many connections of clients the processes hold open."""
        inodes = {inode for inode, _ in self._sockets()}
        held = set()
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                    with contextlib.suppress(OSError):
                        held.add(os.readlink(descriptor))
        return sum(f"socket:[{inode}]" in held for inode in inodes)

    def connect_all(self, count):
        """So many clients, once the server has accepted them and closed those before."""
        self.until(lambda: not self.connections())
        clients = [self.connect() for _ in range(count)]
        self.until(lambda: self.connections() == count)
        return clients

    def unread(self):
        """Bytes that have arrived, and that the server has not read."""
        return sum(size for _, size in self._sockets())

    def _sockets(self):
        """The inode and the unread bytes of each connection to the port."""
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            state, queues = fields[3:5]
            if fields[1].endswith(f":{self.port:04X}") and state != "0A":  # not listening
                yield fields[9], int(queues.partition(":")[2], 16)

    def settle(self):
        """Wait until the server has read what has arrived, or has read none of it for a while."""
        last, since = self.unread(), time.monotonic()
        end = since + 10
        while last and since + 0.5 > time.monotonic() < end:
            time.sleep(0.02)
            with contextlib.suppress(OSError):
                self.get("/")  # until it has had a turn
            unread = self.unread()
            if unread < last - 4096:  # not only what a bystander asks
                since = time.monotonic()
            last = unread

    def ended(self):
        return self.process.poll() is not None

    def until(self, condition, seconds=WAIT):
        """Whether the condition comes true in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.02)
        return False

    def stop(self, seconds=WAIT):
        """Seconds from SIGTERM to the end; infinite when it does not end in time."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
            return time.monotonic() - began
        return float("inf")


def ask(sock, path):
    """One request on an open connection; the body. Raises OSError when there is no whole answer."""
    sock.sendall(GET % path.encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    ]
    while len(body) < lengths[0]:
        body += receive(sock)
    return body.decode()


def receive(sock):
    part = sock.recv(65536)
    if not part:
        raise ConnectionResetError("closed without a whole answer")
    return part


def send_what_fits(sock, data, patience=0.5):
    """Send until the server has read nothing for so many seconds; how many bytes were sent."""
    sent = 0
    sock.setblocking(False)
    view = memoryview(data)
    with contextlib.suppress(ConnectionError):
        while sent < len(view) and select.select([], [sock], [], patience)[1]:
            sent += sock.send(view[sent : sent + 65536])
    return sent


class Bystander(threading.Thread):
    """Another client: asks over and over, and notes the longest wait for an answer."""

    def __init__(self, served):
        super().__init__(daemon=True)
        self.served = served
        self.longest = 0.0  # seconds; infinite when there was no answer
        self._began = threading.Event()
        self._leaves = threading.Event()

    def __enter__(self):
        self.start()
        self._began.wait(WAIT)
        return self

    def __exit__(self, *error):
        self._leaves.set()
        self.join()

    def run(self):
        try:
            while not self._leaves.is_set():
                with self.served.connect() as sock, contextlib.suppress(ConnectionError):
                    self.visit(sock)
        except OSError:
            self.longest = float("inf")
        self._began.set()

    def visit(self, sock):
        """Until the server closes the connection: some do after so many requests."""
        while not self._leaves.is_set():
            began = time.monotonic()
            ask(sock, "/")
            self.longest = max(self.longest, time.monotonic() - began)
            self._began.set()
