"""What the option `metrics` names: [HOST:]PORT, [IPv6]:PORT or unix:PATH."""

import re
from typing import Any

from .errors import ConfigError

ADDRESS = re.compile(r"(?:\[(?P<ipv6>[^]]+)\]:|(?P<host>[^:\[\]]*):)?(?P<port>\d{1,5})", re.ASCII)
UNIX = "unix:"


def address_of(text: str) -> dict[str, Any]:
    """The options `host` and `port`, or `uds`, that mean the same. Raises ConfigError."""
    if text.startswith(UNIX) and len(text) > len(UNIX):
        return {"uds": text.removeprefix(UNIX)}
    found = ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise ConfigError("metrics", f"{text!r} is not [HOST:]PORT or unix:PATH")
    host = found["ipv6"] or found["host"] or "127.0.0.1"
    return {"host": host, "port": int(found["port"])}
