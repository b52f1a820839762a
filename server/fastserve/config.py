"""Every option, defined once: the command line, the environment and docs/options.md follow it."""

import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from httpparser.http1 import TCHAR

from .errors import ConfigError
from .proxy import Proxies

ENV_PREFIX = "FASTSERVE_"
MIB = 1024 * 1024

HTTP_PARSERS = ("auto", "llhttp", "h11")
LOG_LEVELS = ("critical", "error", "warning", "info", "debug")


def opt(default: Any, help: str, **rules: Any) -> Any:  # noqa: A002
    """One option; its rules are `choices` for words, `low` and `high` for numbers, and `secret`."""
    metadata = {"help": help, **rules}
    return field(default=default, metadata=metadata, kw_only=True, repr="secret" not in rules)


@dataclass(frozen=True)
class Config:
    """The options of one server: immutable, and checked when created.

    `app` is an ASGI application or its "module:attribute". Sizes are in bytes and times in
    seconds; 0 turns a limit or a deadline off. Raises ConfigError.
    """

    app: Any

    host: str = opt("127.0.0.1", "Address to listen on; separate several with commas.")
    port: int = opt(8000, "Port to listen on; 0 picks a free one.", high=65535)
    uds: str | None = opt(None, "Unix socket to listen on instead of host and port.")
    fd: int | None = opt(None, "Inherited file descriptor to listen on instead of host and port.")
    backlog: int = opt(2048, "Connections that may wait in the kernel to be accepted.", low=1)

    app_dir: str = opt(".", "Directory to import the application from, put first on sys.path.")
    factory: bool = opt(False, "APP is a function that returns the application.")
    interface: str = opt(
        "auto",
        "Interface of the application; auto detects it.",
        choices=("auto", "asgi3", "asgi2", "wsgi"),
    )
    lifespan: str = opt(
        "auto",
        "Send lifespan events; on: an application that does not support them is an error.",
        choices=("auto", "on", "off"),
    )
    forwarded_allow_ips: str = opt(
        "",
        "Proxies to trust for X-Forwarded-For and X-Forwarded-Proto: addresses, networks, "
        "unix (all clients of the Unix socket) or *; separate several with commas.",
    )
    root_path: str = opt(
        "", "Path prefix that a proxy strips; the application gets it as root_path."
    )
    task_per_request: bool = opt(
        False, "Never use an asyncio task for two requests, not even one that did not wait."
    )

    loop: str = opt("auto", "Event loop; auto: uvloop.", choices=("auto", "uvloop", "asyncio"))
    http: str = opt("auto", "HTTP parser: auto (llhttp), llhttp, h11, or a class as MODULE:CLASS.")
    workers: int = opt(1, "Number of worker processes.", low=1)
    reload: bool = opt(False, "Restart when a source file changes; for development.")
    reload_dirs: tuple[str, ...] = opt(
        (), "Directory to watch instead of --app-dir; repeatable.", flag="reload_dir"
    )

    log_level: str = opt("info", "Lowest level of messages to log.", choices=LOG_LEVELS)
    log_config: str | None = opt(
        None, "Logging configuration file: JSON or TOML for dictConfig, or INI for fileConfig."
    )
    access_log: bool = opt(True, "Log each request to standard output.")
    access_log_format: str = opt("text", "Format of the access log.", choices=("text", "json"))

    headers: tuple[str, ...] = opt(
        (), "Response header to add, as Name:Value; repeatable.", flag="header"
    )
    server_header: bool = opt(True, "Send a Server header.")
    date_header: bool = opt(True, "Send a Date header.")

    limit_request_line: int = opt(8192, "Maximum bytes in the request line; more: 414.", low=64)
    limit_field: int = opt(16384, "Maximum bytes in one header field; more: 431.", low=64)
    limit_fields: int = opt(65536, "Maximum bytes in all header fields; more: 431.", low=64)
    limit_field_count: int = opt(128, "Maximum number of header fields; more: 431.", low=1)
    limit_trailers: int = opt(16384, "Maximum bytes in all trailer fields; more: 431.")
    limit_chunk_extensions: int = opt(
        16384, "Maximum bytes of chunk extensions in one message; more: 413."
    )
    limit_body: int = opt(0, "Maximum bytes in a request body; more: 413. 0: no limit.")
    limit_concurrency: int = opt(0, "Maximum HTTP requests in progress; more: 503. 0: no limit.")
    limit_connections: int = opt(
        0, "Maximum open connections; at the limit, accepting pauses. 0: no limit."
    )
    limit_max_requests: int = opt(
        0,
        "Maximum requests of a process, plus up to a tenth at random; then it stops or, with "
        "--workers, is replaced. 0: no limit.",
    )

    timeout_first_byte: float = opt(10.0, "Seconds to wait for a new connection's first byte.")
    timeout_head: float = opt(10.0, "Seconds to wait for a whole request head; then 408.")
    timeout_body: float = opt(
        30.0, "Seconds to wait for the next bytes of a request body; then 408."
    )
    min_body_rate: int = opt(
        240,
        "Average bytes per second of a request body that takes longer than timeout_body; "
        "slower: 408. 0: no limit.",
    )
    timeout_keep_alive: float = opt(
        65.0, "Seconds to keep an idle connection open for the next request."
    )
    timeout_send: float = opt(
        60.0, "Seconds to wait for a client that reads nothing of its response."
    )
    timeout_graceful_shutdown: float = opt(
        30.0, "Seconds to wait for requests in progress at shutdown."
    )
    timeout_startup: float = opt(
        120.0, "Seconds to wait for a worker to start; then it is killed and replaced."
    )
    timeout_worker_healthcheck: float = opt(
        60.0, "Seconds that a worker's event loop may hang; then it is killed and replaced."
    )

    pipeline_bytes: int = opt(
        65536, "Bytes of later requests to read ahead on a connection.", low=1
    )
    write_high_water: int = opt(65536, "Unsent bytes above which send() waits.", low=1)
    drain_body: int = opt(
        65536, "Bytes of an unread request body to skip; more: the connection is closed."
    )

    http2: bool = opt(
        True, "Speak HTTP/2 too: with TLS by ALPN, else to clients that begin with it."
    )
    h2_max_concurrent_streams: int = opt(
        100, "Maximum requests in progress on one HTTP/2 connection; more: refused.", low=1
    )
    h2_initial_window_size: int = opt(
        65535,
        "Bytes that an HTTP/2 request body may be ahead of the application.",
        low=1024,
        high=2**31 - 1,
    )
    h2_max_window_size: int = opt(
        MIB,
        "The same once the application reads as fast as the client sends; "
        "at most four such streams on one connection.",
        low=1024,
        high=2**31 - 1,
    )
    h2_connection_window_size: int = opt(
        4 * MIB,
        "Bytes of HTTP/2 request bodies that may be on the way on one connection.",
        low=65535,
        high=2**31 - 1,
    )
    h2_max_field_block: int = opt(
        131072, "Maximum bytes of an HTTP/2 field block, compressed; more: GOAWAY.", low=1024
    )
    h2_max_resets: int = opt(
        200,
        "HTTP/2 streams that a client may reset, or make the server reset, in a second; "
        "more: GOAWAY.",
        low=1,
    )
    h2_max_control_frames: int = opt(
        1000,
        "HTTP/2 frames that ask for nothing (PING, SETTINGS and others) in a second; more: GOAWAY.",
        low=1,
    )
    h2_ping_interval: float = opt(
        0.0, "Seconds of silence after which an HTTP/2 client is pinged; 0: never."
    )
    h2_ping_timeout: float = opt(
        20.0, "Seconds to wait for the answer; then the connection is closed."
    )

    ws_max_size: int = opt(
        16 * MIB, "Maximum bytes in one WebSocket message; more: close code 1009.", low=1
    )
    ws_max_queue: int = opt(32, "WebSocket messages to read ahead of the application.", low=1)
    ws_max_fragments: int = opt(
        1024, "Maximum frames in one WebSocket message; more: close code 1009.", low=1
    )
    ws_ping_interval: float = opt(20.0, "Seconds between WebSocket pings.")
    ws_ping_timeout: float = opt(20.0, "Seconds to wait for a pong; then close code 1011.")
    ws_close_timeout: float = opt(10.0, "Seconds to wait for the client's close frame.")
    ws_per_message_deflate: bool = opt(True, "Compress WebSocket messages.")

    ssl_certfile: str | None = opt(None, "Certificate chain (PEM file); turns TLS on.")
    ssl_keyfile: str | None = opt(None, "Private key (PEM file), if not in the certificate file.")
    ssl_keyfile_password: str | None = opt(None, "Password of the private key.", secret=True)
    ssl_ca_certs: str | None = opt(
        None, "CA certificates (PEM file) to verify client certificates with."
    )
    ssl_cert_reqs: str = opt(
        "none",
        "Whether clients must present a certificate.",
        choices=("none", "optional", "required"),
    )
    ssl_ciphers: str | None = opt(None, "TLS 1.2 ciphers, in OpenSSL's format.")
    timeout_tls_handshake: float = opt(10.0, "Seconds to wait for a TLS handshake.")

    def __post_init__(self) -> None:
        for option in options():
            value = check(option, getattr(self, option.name))
            object.__setattr__(self, option.name, value)
        self._check_together()

    def _check_together(self) -> None:
        if self.uds is not None and self.fd is not None:
            raise ConfigError("uds", "cannot be combined with fd; use one of them")
        if self.ssl_certfile is None:
            for name in ("ssl_keyfile", "ssl_ca_certs"):
                if getattr(self, name) is not None:
                    raise ConfigError(name, "requires ssl_certfile")
        if self.ssl_cert_reqs != "none" and self.ssl_ca_certs is None:
            raise ConfigError("ssl_cert_reqs", "requires ssl_ca_certs, to verify clients with")
        if (self.workers > 1 or self.reload) and not isinstance(self.app, str):
            name = "reload" if self.reload else "workers"
            raise ConfigError(name, 'requires the application as a "module:attribute" string')
        if self.http not in HTTP_PARSERS and ":" not in self.http:
            raise ConfigError("http", f"{self.http!r} is not one of {', '.join(HTTP_PARSERS)}")
        try:
            Proxies(self.forwarded_allow_ips)
        except ValueError as error:
            raise ConfigError("forwarded_allow_ips", str(error)) from None
        if self.root_path and (self.root_path[0] != "/" or self.root_path[-1] == "/"):
            raise ConfigError("root_path", "must start with / and must not end with /")
        object.__setattr__(self, "extra_headers", tuple(map(parse_header, self.headers)))

    # Derived from `headers`: response headers as bytes.
    extra_headers: tuple[tuple[bytes, bytes], ...] = field(init=False, repr=False, compare=False)


@dataclass(frozen=True)
class Option:
    """One field of Config, for the command line, the environment and the docs."""

    name: str
    type: type
    default: Any
    help: str
    optional: bool
    multiple: bool
    rules: Mapping[str, Any]

    @property
    def flag(self) -> str:
        return "--" + str(self.rules.get("flag", self.name)).replace("_", "-")

    @property
    def env(self) -> str:
        return ENV_PREFIX + self.name.upper()

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(self.rules.get("choices", ()))


def _option(member: Field[Any], hint: Any) -> Option:
    rules = member.metadata
    arguments = typing.get_args(hint)
    return Option(
        name=member.name,
        type=arguments[0] if arguments else hint,
        default=member.default,
        help=rules["help"],
        optional=isinstance(hint, types.UnionType),
        multiple=typing.get_origin(hint) is tuple,
        rules=rules,
    )


def _options() -> Iterator[Option]:
    hints = typing.get_type_hints(Config)
    for member in fields(Config):
        if "help" in member.metadata:
            yield _option(member, hints[member.name])


_OPTIONS = tuple(_options())


def options() -> tuple[Option, ...]:
    """All options, in the order of Config."""
    return _OPTIONS


def check(option: Option, value: Any) -> Any:
    """Return the value in the option's type. Raises ConfigError."""
    if value is None and option.optional:
        return None
    if option.multiple:
        if isinstance(value, str) or not all(isinstance(item, str) for item in value):
            raise ConfigError(option.name, f"must be a list of strings, not {value!r}")
        return tuple(value)
    if option.type is float and type(value) is int:
        value = float(value)
    if type(value) is not option.type:
        shown = type(value).__name__ if "secret" in option.rules else repr(value)
        raise ConfigError(option.name, f"must be of type {option.type.__name__}, not {shown}")
    if option.choices and value not in option.choices:
        raise ConfigError(option.name, f"{value!r} is not one of {', '.join(option.choices)}")
    if isinstance(value, int | float):
        check_range(option, value)
    return value


def check_range(option: Option, value: float) -> None:
    if option.type is bool:
        return
    low, high = option.rules.get("low", 0), option.rules.get("high")
    if not low <= value < float("inf") or (high is not None and value > high):
        wanted = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ConfigError(option.name, f"{value} is out of range; it must be {wanted}")


FIELD_NAME = re.compile(TCHAR + "+")  # RFC 9110 5.1


def parse_header(line: str) -> tuple[bytes, bytes]:
    """Split "Name:Value" into a lower-case name and a value. Raises ConfigError."""
    name, colon, text = line.partition(":")
    value = text.strip(" \t")
    if not colon or FIELD_NAME.fullmatch(name) is None:
        raise ConfigError("headers", f"{line!r} does not have the form Name:Value")
    try:
        encoded = value.encode("latin-1")
    except UnicodeEncodeError:
        raise ConfigError("headers", f"{line!r} has characters outside Latin-1") from None
    # RFC 9110 5.5: CR, LF and NUL are invalid and dangerous.
    if any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in encoded):
        raise ConfigError("headers", f"{line!r} has control characters in its value")
    if name.lower() in {"content-length", "transfer-encoding", "connection"}:
        raise ConfigError("headers", f"{name} is set by the server; remove it")
    return name.lower().encode(), encoded
