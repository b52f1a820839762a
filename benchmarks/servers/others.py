"""What is not an ASGI server: aiohttp, Tornado, Node, Go, nginx."""

import subprocess

from benchmarks.apps.bodies import BODIES
from benchmarks.compiled import BUILD, compiled
from benchmarks.machine import ROOT, missing_tool
from benchmarks.servers.contestant import Contestant, needs

APPS = ROOT / "benchmarks" / "apps"


def go_program(name: str) -> str:
    """The path of apps/NAME.go built, made when it is older than its source."""
    source, program = APPS / f"{name}.go", BUILD / f"{name.replace('/', '-')}.bin"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(parents=True, exist_ok=True)
        subprocess.run(["go", "build", "-o", str(program), str(source)], check=True, cwd=APPS)
    return str(program)


def nginx_configuration(port: int) -> str:
    """The path of a configuration whose files are the bodies that every server answers with."""
    folder = BUILD / "nginx"
    folder.mkdir(parents=True, exist_ok=True)
    for path, body in BODIES.items():
        (folder / (path.strip("/") or "index")).write_bytes(body)
    text = (APPS / "nginx.conf").read_text()
    target = folder / f"{port}.conf"
    target.write_text(text.replace("@PORT@", str(port)).replace("@FOLDER@", str(folder)))
    return str(target)


AIOHTTP = Contestant(
    "aiohttp",
    lambda python, port: [python, "-m", "benchmarks.apps.aiohttp_server", str(port)],
    needs("aiohttp", "uvloop"),
)
TORNADO = Contestant(
    "tornado",
    lambda python, port: [python, "-m", "benchmarks.apps.tornado_server", str(port)],
    needs("tornado"),
)
NODE = Contestant(
    "Node http",
    lambda _, port: ["node", str(APPS / "http.js"), str(port)],
    lambda _: missing_tool("node"),
)
GO = Contestant(
    "Go net/http",
    lambda _, port: [go_program("http"), str(port)],
    lambda _: missing_tool("go"),
)
NGINX = Contestant(
    "nginx",
    lambda _, port: ["nginx", "-c", nginx_configuration(port), "-e", "/dev/null"],
    lambda _: missing_tool("nginx"),
)
OTHERS = [AIOHTTP, TORNADO, NODE, GO, NGINX]


def floor(loop: str) -> Contestant:
    """A protocol that answers constant bytes: what the kernel and this loop cost."""
    return Contestant(
        f"floor {loop}",
        lambda python, port: [python, "-m", "benchmarks.apps.floor", loop, str(port)],
        needs("uvloop") if loop == "uvloop" else lambda _: None,
    )


FLOOR_C = Contestant(
    "floor epoll in C",
    lambda _, port: [compiled(APPS / "floor.c"), str(port)],
    lambda _: missing_tool("cc"),
)
