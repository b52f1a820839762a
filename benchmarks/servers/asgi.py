"""ASGI servers, one process each, without access log and lifespan unless a row says so."""

from benchmarks.servers.contestant import Contestant, needs

APP = "benchmarks.apps.asgi:app"
PORTS = "benchmarks.ports"


def fastserve(name: str, *options: str, app: str = APP, log: bool = False) -> Contestant:
    quiet = [] if log else ["--no-access-log"]
    return Contestant(
        name,
        lambda python, port: [
            *(python, "-m", "fastserve", app, "--port", str(port), "--lifespan", "off"),
            *quiet,
            *options,
        ],
        needs("fastserve.cli", "uvloop"),
    )


def uvicorn(name: str, *options: str, app: str = APP, log: bool = False) -> Contestant:
    quiet = [] if log else ["--no-access-log", "--log-level", "warning"]
    wanted = [package for package in ("zttp", "wsproto") if package in options]
    return Contestant(
        name,
        lambda python, port: [
            *(python, "-m", "uvicorn", app, "--port", str(port), "--lifespan", "off"),
            *quiet,
            *options,
        ],
        needs("uvicorn", "uvloop", "httptools", *wanted),
    )


def fastserve_matrix(loop: str) -> dict[str, Contestant]:
    """Each parser under fastserve on one loop: the same server code, only the parser changes."""
    rows = {
        "llhttp": "llhttp",
        "llhttp-callbacks": f"{PORTS}.httptools_port:LlhttpCallbacks",
        "httptools": f"{PORTS}.httptools_port:Httptools",
        "h11": f"{PORTS}.h11_port:H11",
    }
    return {
        parser: fastserve(f"fastserve {parser} {loop}", "--loop", loop, "--http", option)
        for parser, option in rows.items()
    }


def granian(name: str, *options: str, app: str = APP) -> Contestant:
    return Contestant(
        name,
        lambda python, port: [
            *(python, "-m", "granian", "--interface", "asginl", "--loop", "uvloop"),
            *("--no-log", "--port", str(port), *options, app),
        ],
        needs("granian", "uvloop"),
    )


def hypercorn(app: str = APP) -> Contestant:
    return Contestant(
        "hypercorn",
        lambda python, port: [
            *(python, "-m", "hypercorn", "-k", "uvloop", "--bind", f"127.0.0.1:{port}"),
            *("--log-level", "error", app),
        ],
        needs("hypercorn", "uvloop"),
    )


def daphne(app: str = APP) -> Contestant:
    return Contestant(
        "daphne",
        lambda python, port: [
            *(python, "-m", "daphne", "-p", str(port), "-v", "0"),
            *("--access-log", "/dev/null", app),
        ],
        needs("daphne"),
    )


def gunicorn(app: str = APP) -> Contestant:
    # Its arbiter kills a worker that was paused for longer than the time-out.
    return Contestant(
        "gunicorn asgi",
        lambda python, port: [
            *(python, "-m", "gunicorn", "-k", "asgi", "-w", "1", "--timeout", "86400"),
            *("--keep-alive", "65", "--asgi-loop", "uvloop", "--asgi-lifespan", "off"),
            *("--log-level", "error", "-b", f"127.0.0.1:{port}", app),
        ],
        needs("gunicorn", "uvloop"),
    )


def fastpysgi(app: str = APP) -> Contestant:
    return Contestant(
        "fastpysgi",
        lambda python, port: [
            *(python, "-m", "benchmarks.apps.fastpysgi_server", str(port), app),
        ],
        needs("fastpysgi"),
    )


def socketify(app: str = APP) -> Contestant:
    return Contestant(
        "socketify",
        lambda python, port: [
            *(python, "-m", "socketify", app, "--interface", "asgi", "--lifespan", "off"),
            *("--host", "127.0.0.1", "--port", str(port), "--disable-listen-log", "True"),
        ],
        needs("socketify"),
    )


UVICORN = uvicorn("uvicorn", "--loop", "uvloop", "--http", "httptools")
FASTSERVE = fastserve("fastserve", "--loop", "uvloop")

FIELD = [
    UVICORN,
    uvicorn("uvicorn h11", "--loop", "uvloop", "--http", "h11"),
    uvicorn("uvicorn zttp", "--loop", "uvloop", "--http", "zttp"),
    granian("granian"),
    granian("granian st", "--runtime-mode", "st", "--task-impl", "asyncio"),
    hypercorn(),
    daphne(),
    gunicorn(),
    fastpysgi(),
    socketify(),
    FASTSERVE,
]
