"""The contestants: how each is started and what must be installed for it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.apps.bodies import BODIES
from benchmarks.machine import BUILD, ROOT, missing_package, missing_tool, runnable
from benchmarks.process import Process, StartError, free_port

APPS = ROOT / "benchmarks" / "apps"
HTTP, WEBSOCKET = "benchmarks.apps.asgi:app", "benchmarks.apps.websocket:app"
LOOPS = ("uvloop", "asyncio")
COMMANDS = {
    "fastserve": "fastserve --port {port} --lifespan off --no-access-log --timeout-keep-alive 600",
    "uvicorn": "uvicorn --port {port} --lifespan off --no-access-log --log-level warning "
    "--timeout-keep-alive 600",
    # Its default runtime has threads of its own; without the last two it takes 1,024 connections.
    "granian": "granian --port {port} --interface asginl --no-log --loop uvloop --runtime-mode st "
    "--task-impl asyncio --backlog 8192 --backpressure 8192",
    "freastal": "benchmarks.apps.freastal_server {port}",
    "peregrine": "peregrine --port {port} --no-lifespan --log-level error --keep-alive 600000 "
    "--max-connections 16384",
    "hypercorn": "hypercorn --bind 127.0.0.1:{port} --worker-class uvloop --log-level error "
    "--keep-alive 600",
    "h2corn": "h2corn --port {port} --lifespan off --no-access-log --runtime-threads 1 "
    "--loop uvloop",
}
PARSERS = {
    "llhttp": "llhttp",
    "llhttp-callbacks": "benchmarks.ports.httptools_port:LlhttpCallbacks",
    "httptools": "benchmarks.ports.httptools_port:Httptools",
    "h11": "benchmarks.ports.h11_port:H11",
}


@dataclass(frozen=True)
class Contestant:
    """A server by name, its command on a port, and the packages and the tool that it needs."""

    name: str
    command: Callable[[int], list[str]]
    packages: tuple[str, ...] = ()
    tool: str = ""

    def missing(self) -> str:
        """Why it cannot run here, or nothing."""
        reasons = [missing_package(name) for name in self.packages]
        reasons += [missing_tool(self.tool)] if self.tool else []
        return next(filter(None, reasons), "")


Fleet = tuple[dict[str, Process], dict[str, str]]


@contextmanager
def fleet(contestants: Sequence[Contestant]) -> Iterator[Fleet]:
    """Start those that can be, each paused as soon as it answers; and say why not the others."""
    running: dict[str, Process] = {}
    left_out: dict[str, str] = {}
    try:
        for each in contestants:
            if reason := each.missing():
                left_out[each.name] = reason
                continue
            port = free_port()
            running[each.name] = server = Process(each.command(port), port)
            try:
                server.wait_until_ready()
                server.pause()
            except StartError as error:
                left_out[each.name] = str(error)
                running.pop(each.name).stop()
        for name, reason in left_out.items():
            print(f"  left out: {name}: {reason}", file=sys.stderr)
        yield running, left_out
    finally:
        for server in running.values():
            server.stop()


def module(name: str, command: str, *packages: str) -> Contestant:
    """A module of this Python and its arguments, with {port} among them."""
    python = [sys.executable, "-m"]
    return Contestant(name, lambda port: python + command.format(port=port).split(), packages)


def asgi(name: str, options: str = "", app: str = HTTP, needs: str = "uvloop") -> Contestant:
    """An ASGI server; the first word of the name says which."""
    server = name.partition(" ")[0]
    return module(name, f"{COMMANDS[server]} {options} {app}", server, *needs.split())


def fastserve(name: str = "", options: str = "--loop uvloop", app: str = HTTP) -> Contestant:
    return module(name or "fastserve", f"{COMMANDS['fastserve']} {options} {app}", "uvloop")


def program(name: str, source: str, tool: str) -> Contestant:
    """A program of apps/ in C, Go or JavaScript, which is given the port."""
    return Contestant(name, lambda port: [*runnable(APPS / source), str(port)], tool=tool)


def nginx_command(port: int, option: str = "") -> list[str]:
    """With a configuration whose files are the bodies that every server answers with."""
    folder = BUILD / "nginx"
    folder.mkdir(parents=True, exist_ok=True)
    for path, body in BODIES.items():
        (folder / (path.strip("/") or "index")).write_bytes(body)
    text = (APPS / "nginx.conf").read_text().replace("@OPTION@", option)
    target = folder / f"{port}.conf"
    target.write_text(text.replace("@PORT@", str(port)).replace("@FOLDER@", str(folder)))
    return ["nginx", "-c", str(target), "-e", "/dev/null"]


def floor(loop: str) -> Contestant:
    """A protocol that answers constant bytes: what the kernel and this loop cost."""
    return module(f"floor {loop}", f"benchmarks.apps.loops {{port}} {loop} floor", "uvloop")


def rivals(app: str = HTTP) -> list[Contestant]:
    return [asgi(name, app=app) for name in ("granian", "peregrine", "h2corn")]


FLOOR_C = program("floor epoll in C", "floor.c", "cc")
FREASTAL = asgi("freastal", needs="")
UVICORN = asgi("uvicorn", "--loop uvloop --http httptools", needs="uvloop httptools")
ASGI = [UVICORN, *rivals(), FREASTAL, fastserve()]
OTHERS = [
    program("Node http", "http.js", "node"),
    program("Go net/http", "http.go", "go"),
    Contestant("nginx", nginx_command, tool="nginx"),
]
HTTP2 = [
    *rivals(),
    asgi("hypercorn", needs=""),
    asgi("uvicorn zttp", "--loop uvloop --http zttp --http2", needs="uvloop zttp"),
    fastserve(),
    Contestant("nginx", lambda port: nginx_command(port, "http2"), tool="nginx"),
]
# Under fastserve only the parser and the loop change; uvicorn stands beside it.
MATRIX = [
    *(
        fastserve(f"fastserve {parser} {loop}", f"--loop {loop} --http {option}")
        for loop in LOOPS
        for parser, option in PARSERS.items()
    ),
    *(
        asgi(f"uvicorn {parser} {loop}", f"--loop {loop} --http {parser}", needs=f"uvloop {parser}")
        for loop in LOOPS
        for parser in ("httptools", "h11")
    ),
]
ECHO = [
    *(
        module(f"{loop} {kind}", f"benchmarks.apps.loops {{port}} {loop} {kind}", "uvloop")
        for loop in LOOPS
        for kind in ("protocol", "streams")
    ),
    program("Node", "echo.js", "node"),
    program("Go", "echo.go", "go"),
]
