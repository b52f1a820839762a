"""The contestants: how each is started and what must be installed for it."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from benchmarks.apps.bodies import FOLDER, write_files
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
    "--task-impl asyncio --backlog 16384 --backpressure 16384",
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
    pinned: bool = True  # to the server's core

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
            running[each.name] = server = Process(each.command(port), port, each.pinned)
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


def nginx_command(port: int, option: str = "", workers: int = 1) -> list[str]:
    """With a configuration whose files are the bodies that every server answers with."""
    write_files()
    folder = BUILD / "nginx"
    folder.mkdir(parents=True, exist_ok=True)
    text = (APPS / "nginx.conf").read_text().replace("@OPTION@", option)
    text = text.replace("@WORKERS@", str(workers))
    target = folder / f"{port}.conf"
    text = text.replace("@PORT@", str(port)).replace("@FOLDER@", str(folder))
    target.write_text(text.replace("@BODIES@", str(FOLDER)))
    return ["nginx", "-c", str(target), "-e", "/dev/null"]


def floor(loop: str, kind: str = "floor") -> Contestant:
    """A protocol that answers constant bytes: what the kernel, this loop and a transport cost."""
    name = FLOORS[kind].format(loop)
    return module(name, f"benchmarks.apps.loops {{port}} {loop} {kind}", "uvloop")


def rivals(app: str = HTTP) -> list[Contestant]:
    return [asgi(name, app=app) for name in ("granian", "peregrine", "h2corn")]


def asgi_servers(app: str = HTTP, *packages: str) -> list[Contestant]:
    """All of them with this application, which needs these packages too."""
    uvicorn = asgi("uvicorn", "--loop uvloop --http httptools", app, "uvloop httptools")
    each = [uvicorn, *rivals(app), asgi("freastal", app=app, needs=""), fastserve(app=app)]
    return [replace(one, packages=(*one.packages, *packages)) for one in each]


def over_tls(name: str, options: str, needs: str = "uvloop") -> Contestant:
    return asgi(name, options.format(cert=CERTIFICATE, key=KEY), needs=needs)


def make_certificate() -> None:
    """A new one for this machine, of the kind that most sites have: a P-256 key."""
    (ROOT / CERTIFICATE).parent.mkdir(parents=True, exist_ok=True)
    command = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 30"
    command += f" -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -out {CERTIFICATE}"
    subprocess.run(f"{command} -keyout {KEY}".split(), cwd=ROOT, check=True, capture_output=True)


def with_workers(name: str, number: int) -> Contestant:
    """On all cores, with so many processes."""
    if name == "nginx":
        each = replace(NGINX, command=lambda port: nginx_command(port, workers=number))
    else:
        loop = "--loop uvloop" if name in ("uvicorn", "fastserve") else ""
        each = asgi(name, f"{loop} --workers {number}")
    return replace(each, name=f"{name}, {number} worker{'s' * (number > 1)}", pinned=False)


# On the loop's transport, and on that of fastserve.
FLOORS = {"floor": "floor {}", "ours": "floor fastserve {}"}
FLOOR_C = program("floor epoll in C", "floor.c", "cc")
ASGI = asgi_servers()
NGINX = Contestant("nginx", nginx_command, tool="nginx")
OTHERS = [
    program("Node http", "http.js", "node"),
    program("Go net/http", "http.go", "go"),
    NGINX,
]
# Relative to ROOT, where all servers run.
CERTIFICATE, KEY = "build/benchmarks/certificate.pem", "build/benchmarks/key.pem"
PAIR = "--ssl-certfile {cert} --ssl-keyfile {key}"
TLS = [
    over_tls("uvicorn", f"--loop uvloop --http httptools {PAIR}", "uvloop httptools"),
    over_tls("granian", "--ssl-certificate {cert} --ssl-keyfile {key}"),
    over_tls("peregrine", "--tls-cert {cert} --tls-key {key}"),
    over_tls("h2corn", "--certfile {cert} --keyfile {key}"),
    over_tls("freastal", "{cert} {key}", ""),
    over_tls("fastserve", f"--loop uvloop --ssl-transport direct {PAIR}"),
    over_tls("fastserve by the loop", f"--loop uvloop --ssl-transport loop {PAIR}"),
    replace(
        NGINX,
        command=lambda port: nginx_command(
            port, f"ssl; ssl_certificate {ROOT / CERTIFICATE}; ssl_certificate_key {ROOT / KEY}"
        ),
    ),
]
WORKERS = [
    with_workers(name, number)
    for name in ("uvicorn", "granian", "peregrine", "fastserve", "nginx")
    for number in (1, 2)
]
HTTP2 = [
    *rivals(),
    asgi("hypercorn", needs=""),
    asgi("uvicorn zttp", "--loop uvloop --http zttp --http2", needs="uvloop zttp"),
    fastserve(),
    replace(NGINX, command=lambda port: nginx_command(port, "http2")),
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
