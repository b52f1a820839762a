"""TCP echo servers, one process each."""

from benchmarks.machine import missing_tool
from benchmarks.servers.contestant import Contestant, needs
from benchmarks.servers.others import APPS, go_program


def _python(name: str, module: str, *options: str, packages: tuple[str, ...] = ()) -> Contestant:
    return Contestant(
        name,
        lambda python, port: [python, "-m", f"benchmarks.apps.echo.{module}", str(port), *options],
        needs(*packages) if packages else lambda _: None,
    )


ECHO = [
    _python("asyncio streams", "loops", "asyncio", "streams"),
    _python("asyncio protocol", "loops", "asyncio", "protocol"),
    _python("uvloop streams", "loops", "uvloop", "streams", packages=("uvloop",)),
    _python("uvloop protocol", "loops", "uvloop", "protocol", packages=("uvloop",)),
    _python("tornado", "tornado_echo", packages=("tornado",)),
    _python("twisted", "twisted_echo", packages=("twisted",)),
    _python("gevent", "gevent_echo", packages=("gevent",)),
    _python("curio", "curio_echo", packages=("curio",)),
    Contestant(
        "Node",
        lambda _, port: ["node", str(APPS / "echo" / "echo.js"), str(port)],
        lambda _: missing_tool("node"),
    ),
    Contestant(
        "Go",
        lambda _, port: [go_program("echo/echo"), str(port)],
        lambda _: missing_tool("go"),
    ),
]
