"""Variables of the environment that begin with FASTSERVE_ and are not options."""

import difflib
import os
import re
from collections.abc import Iterator

from .config import options
from .values import ENV_PREFIX

# What else reads such a variable: the command, and the build (setup.py).
OTHERS = {
    f"{ENV_PREFIX}{name}"
    for name in ("APP", "CONFIG", "FUZZING", "LINE_TRACING", "PROFILE", "SANITIZE")
}
# Kubernetes and Docker links set such variables in every container beside a service whose name
# begins with "fastserve".
SERVICE = re.compile(
    rf"{ENV_PREFIX}(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?|NAME)"
)
ADDRESS = re.compile(r"(tcp|udp|sctp)://")


def problems() -> Iterator[str]:
    """One for each variable that nothing here reads, with the one that was meant."""
    known = OTHERS | {option.env for option in options() if option.in_command}
    for name, value in sorted(os.environ.items()):
        if not name.startswith(ENV_PREFIX) or name in known:
            continue
        if SERVICE.fullmatch(name) or (name.endswith("_PORT") and ADDRESS.match(value)):
            continue
        words = [each.removeprefix(ENV_PREFIX) for each in known]
        close = difflib.get_close_matches(name.removeprefix(ENV_PREFIX), words, 1)
        hint = f"; did you mean {ENV_PREFIX}{close[0]}?" if close else ""
        yield f"{name} in the environment is not an option{hint}"


def remedy(name: str) -> str:
    """What to say, besides, of the invalid value of this variable."""
    if ADDRESS.match(os.environ.get(name, "")):
        service = ENV_PREFIX.rstrip("_").lower()
        return (
            f"; Kubernetes sets it beside a service named {service}: set enableServiceLinks to "
            "false in the pod, or rename the service"
        )
    return ""
