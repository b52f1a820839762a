"""Commands that serve, as children of a process that has imported the server already.

So the hundred starts take no hundred imports. Nothing here has a thread: a fork would not take it
along.
"""

import http.client
import importlib
import logging
import os
import re
import select
import signal
import socket
import ssl
import sys
import time
import traceback

from .commands import FILES, WAIT, ended

MAIN = {"uvicorn": ("uvicorn.main", "main"), "fastserve": ("fastserve.cli", "main")}
PRELOADED = ("uvloop", "h11", "httptools", "websockets", "wsproto", "a2wsgi", "yaml", "dotenv")
VARIABLES = {"WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS"}


def preload(package):
    for name in (*PRELOADED, package, MAIN[package][0]):
        importlib.import_module(name)


def outcome(package, case, folder):
    """What the probe of the case sees."""
    for name, text in FILES.items():
        folder.joinpath(name).write_text(text.replace("LOG", str(folder / "log")))
    with Started(package, case, folder) as started:
        try:
            started.wait_until_ready()
            return case.probe(started)
        except Exception:
            return f"{traceback.format_exc()} {started.read_stderr()} {started.stdout}"


class Started:
    """A running command; `connect` gives an HTTP connection to it."""

    def __init__(self, package, case, folder):
        self.package = package
        self.folder = folder
        self.listener = socket.create_server(("127.0.0.1", 0))
        fd, port = self.listener.fileno(), self.listener.getsockname()[1]
        args = case.args.format(folder=folder, fd=fd, busy=port).split()
        self.uds = folder / "socket" if "--uds" in args else None
        self.tls = "--ssl-certfile" in args
        self.host = "localhost" if "localhost" in args else "127.0.0.1"
        self.port = port if "--fd" in args else None
        self.tells = case.probe is not ended and self.port is None  # that and where it listens
        self.has_workers = bool(
            {"--workers", "--reload"} & set(args) or "WEB_CONCURRENCY" in case.env
        )
        if not {"--uds", "--fd", "--port"} & set(args):
            args += ["--port", "0"]
        self.status = None
        self._seen = ""
        self._stdout = folder / "stdout"
        self._stderr, theirs = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._run([case.app, *args], case.env, theirs)
        os.close(theirs)

    def _run(self, args, env, stderr):
        """In the child: become the command."""
        status = 1
        try:
            os.dup2(stderr, 2)
            os.dup2(os.open(self._stdout, os.O_WRONLY | os.O_CREAT), 1)
            os.set_inheritable(self.listener.fileno(), True)
            for name in VARIABLES:
                os.environ.pop(name, None)
            os.environ.update(env, NAMES_MAIN=str(os.getpid()))
            module, name = MAIN[self.package]
            sys.argv = [self.package, *args]
            getattr(importlib.import_module(module), name)()
            status = 0
        except SystemExit as error:
            status = error.code or 0
        except BaseException:
            traceback.print_exc()
        finally:
            logging.shutdown()
            sys.stdout.flush()
            os._exit(status)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.listener.close()
        if self.status is None:
            os.kill(self._pid, signal.SIGTERM)
            try:
                self.wait()
            except TimeoutError:
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        os.close(self._stderr)

    def wait_until_ready(self):
        if self.tells:
            found = self.expect(r"running on .*?(?::(\d+))? \(Press")
            self.port = int(found[1]) if found[1] else None
            if self.has_workers and self.package == "uvicorn":  # says so before it listens
                self.expect("startup complete")
                while not self.accepts():
                    pass

    def accepts(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), WAIT).close()
        except ConnectionRefusedError:
            return False
        return True

    def expect(self, pattern):
        """Wait for it on standard error."""
        deadline = time.monotonic() + WAIT
        while not (match := re.search(pattern, self._seen)):
            if not self._read(deadline):
                raise EOFError(f"ended without {pattern}")
        return match

    def _read(self, deadline):
        """Whether there was more on standard error; the end is that of the last process."""
        if not select.select([self._stderr], [], [], max(0, deadline - time.monotonic()))[0]:
            raise TimeoutError("it neither ends nor says what it should")
        data = os.read(self._stderr, 65536)
        self._seen += data.decode()
        return bool(data)

    def read_stderr(self):
        return self._seen

    def signal(self, number):
        os.kill(self._pid, number)

    def wait(self):
        """The exit status, as subprocess tells it, once all its processes have ended."""
        if self.status is None:
            deadline = time.monotonic() + WAIT
            while self._read(deadline):
                pass
            self.status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self.status

    @property
    def stdout(self):
        return self._stdout.read_text().splitlines() if self._stdout.exists() else []

    @property
    def stderr(self):
        return self._seen.splitlines()

    def connect(self):
        if self.uds is not None:
            connection = http.client.HTTPConnection("localhost", timeout=WAIT)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(WAIT)
            connection.sock.connect(str(self.uds))
            return connection
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            return http.client.HTTPSConnection(
                "127.0.0.1", self.port, context=context, timeout=WAIT
            )
        return http.client.HTTPConnection(self.host, self.port, timeout=WAIT)
