"""The settings, each from GATEWAY_<NAME>, else from the TOML file GATEWAY_CONFIG, else the default.

upstreams = ["http://10.0.0.1:9000", "https://api.example"]
rate = 50
"""

import os
import tomllib
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Settings:
    upstreams: tuple = ("http://127.0.0.1:9001",)  # scheme, host and port
    connections: int = 100  # at most, to each upstream
    keep_alive: float = 4  # seconds; less than the upstream's, which closes after that
    # Deadlines in seconds
    connect_timeout: float = 2  # a free connection, or a new one with its TLS handshake
    first_byte_timeout: float = 15  # from the end of the request to the head of the response
    idle_timeout: float = 60  # between two parts of a body
    total_timeout: float = 300  # the whole exchange, retries included; 0: none, for endless streams
    # Retries
    attempts: int = 3  # per request
    backoff: float = 0.05  # seconds; random, up to this times 2, 4, 8...
    retry_share: float = 0.2  # at most this many retries per request in the long run,
    retry_reserve: float = 100  # and so many at once
    # Health checks and circuit breakers
    health_path: str = "/healthz"  # on the upstreams: an answer below 500 is healthy
    health_interval: float = 2  # seconds
    health_timeout: float = 1
    breaker_failures: int = 5  # one after the other, then the upstream gets no requests
    breaker_pause: float = 5  # for so many seconds
    # Rate limit: an IPv4 address or an IPv6 /64 may make `burst` requests at once
    rate: float = 100  # per second in the long run; 0: no limit
    burst: float = 200
    clients: int = 100_000  # remembered by a process
    # Cache
    cache_bytes: int = 64 << 20  # in the memory of a process; 0: no cache
    cache_entry_bytes: int = 1 << 20  # larger responses are not cached
    redis: str = ""  # redis://host:port/0 shares rate limit and cache
    log: bool = True  # a line per request

    @classmethod
    def load(cls, environment=os.environ):
        values = {}
        if path := environment.get("GATEWAY_CONFIG"):
            with open(path, "rb") as file:
                values = tomllib.load(file)
        known = {field.name: field.type for field in fields(cls)}
        if unknown := values.keys() - known:
            raise ValueError(f"{path}: unknown settings: {', '.join(sorted(unknown))}")
        for name in known:
            if (text := environment.get(f"GATEWAY_{name.upper()}")) is not None:
                values[name] = text
        return cls(**{name: convert(name, known[name], each) for name, each in values.items()})


def convert(name, kind, value):
    if kind is tuple:
        return tuple(value.replace(",", " ").split() if isinstance(value, str) else value)
    if kind is bool and isinstance(value, str):
        return value.lower() not in {"0", "false", "no", "off", ""}
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {value!r} is not a number") from None
