"""Every option, once: the command line, the environment and docs/options.md derive from here."""

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from .errors import ConfigError
from .proxy import Proxies

ENV_PREFIX = "FASTSERVE_"
MIB = 1024 * 1024

HTTP_PARSERS = ("auto", "llhttp", "h11")
LOG_LEVELS = ("critical", "error", "warning", "info", "debug")


def opt(default: Any, help: str, **rules: Any) -> Any:  # noqa: A002
    """One option: `choices` for words, `low` and `high` for numbers, `secret` for passwords."""
    metadata = {"help": help, **rules}
    return field(default=default, metadata=metadata, kw_only=True, repr="secret" not in rules)


@dataclass(frozen=True)
class Config:
    """What one server is to do; immutable, checked when made.

    `app` is an ASGI application or its "module:attribute". Sizes are in bytes and times in
    seconds; a limit or deadline of 0 is none. Raises ConfigError.
    """

    app: Any

    host: str = opt("127.0.0.1", "Address to listen on; several with commas.")
    port: int = opt(8000, "Port to listen on; 0 takes a free one.", high=65535)
    uds: str | None = opt(None, "Path of a Unix socket to listen on instead.")
    fd: int | None = opt(None, "Inherited file descriptor to listen on instead.")
    backlog: int = opt(2048, "Connections the kernel queues before they are accepted.", low=1)

    app_dir: str = opt(".", "Folder put first on the import path.")
    factory: bool = opt(False, "APP is a function that returns the application.")
    interface: str = opt(
        "auto", "How to call the application.", choices=("auto", "asgi3", "asgi2", "wsgi")
    )
    lifespan: str = opt("auto", "Lifespan events for the app.", choices=("auto", "on", "off"))
    forwarded_allow_ips: str = opt(
        "",
        "Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses, networks, "
        "unix (peers of a Unix socket) or *; several with commas.",
    )
    root_path: str = opt("", "Path under which a proxy mounts the application.")

    loop: str = opt("auto", "Event loop; auto is uvloop.", choices=("auto", "uvloop", "asyncio"))
    http: str = opt("auto", "HTTP parser: auto (llhttp), llhttp, h11, or a port as MODULE:CLASS.")
    workers: int = opt(1, "Processes that serve the same sockets.", low=1)
    reload: bool = opt(False, "Restart when a file changes; for development.")
    reload_dir: tuple[str, ...] = opt((), "Folder to watch instead of the app's; repeatable.")

    log_level: str = opt("info", "Least severe message to log.", choices=LOG_LEVELS)
    log_config: str | None = opt(
        None, "File that sets up logging instead: JSON or TOML for dictConfig, or fileConfig's ini."
    )
    access_log: bool = opt(True, "Log each request to standard output.")
    access_log_format: str = opt("text", "Form of the access log.", choices=("text", "json"))

    headers: tuple[str, ...] = opt((), "Header to add, as Name:Value; repeatable.", flag="header")
    server_header: bool = opt(True, "Send a Server header.")
    date_header: bool = opt(True, "Send a Date header.")

    limit_request_line: int = opt(8192, "Bytes of the request line; more: 414.", low=64)
    limit_field: int = opt(16384, "Bytes of one header field; more: 431.", low=64)
    limit_fields: int = opt(65536, "Bytes of all header fields; more: 431.", low=64)
    limit_field_count: int = opt(128, "Number of header fields; more: 431.", low=1)
    limit_trailers: int = opt(16384, "Bytes of all trailer fields; more: 431.")
    limit_chunk_extensions: int = opt(16384, "Bytes of chunk extensions in a message; more: 413.")
    limit_body: int = opt(0, "Bytes of a request body; more: 413. 0: no limit.")
    limit_concurrency: int = opt(0, "Requests in progress; more: 503. 0: no limit.")
    limit_connections: int = opt(0, "Open connections; then accepting pauses. 0: no limit.")
    limit_max_requests: int = opt(
        0,
        "Requests that a process answers, and up to a tenth more, before it stops or, with "
        "--workers, is replaced. 0: no limit.",
    )

    first_byte_timeout: float = opt(10.0, "Seconds for a new connection's first byte.")
    head_timeout: float = opt(10.0, "Seconds for a whole request head; then 408.")
    body_timeout: float = opt(30.0, "Seconds a request body may stall.")
    keep_alive_timeout: float = opt(65.0, "Seconds a connection may idle between requests.")
    send_timeout: float = opt(60.0, "Seconds a client may read nothing of what waits for it.")
    graceful_timeout: float = opt(30.0, "Seconds that requests in progress have at shutdown.")
    timeout_startup: float = opt(120.0, "Seconds a worker has to start; then it is killed.")
    timeout_worker: float = opt(60.0, "Seconds a worker's event loop may hang; then it is killed.")

    pipeline_bytes: int = opt(65536, "Bytes read ahead of the request in progress.", low=1)
    write_high_water: int = opt(65536, "Bytes queued for writing before the app waits.", low=1)
    drain_body: int = opt(65536, "Bytes of an unread body to skip before closing instead.")

    ws_max_size: int = opt(16 * MIB, "Bytes of one WebSocket message; more: close 1009.", low=1)
    ws_max_queue: int = opt(32, "WebSocket messages read ahead of the app.", low=1)
    ws_max_fragments: int = opt(1024, "Frames of one WebSocket message.", low=1)
    ws_ping_interval: float = opt(20.0, "Seconds between WebSocket pings.")
    ws_ping_timeout: float = opt(20.0, "Seconds for a pong before the WebSocket is closed.")
    ws_close_timeout: float = opt(10.0, "Seconds for the client's WebSocket close frame.")
    ws_per_message_deflate: bool = opt(True, "Offer WebSocket compression.")

    ssl_certfile: str | None = opt(None, "Certificate chain (PEM); turns TLS on.")
    ssl_keyfile: str | None = opt(None, "Private key (PEM), when not in the certificate file.")
    ssl_keyfile_password: str | None = opt(None, "Password of the private key.", secret=True)
    ssl_ca_certs: str | None = opt(None, "Authorities (PEM) that client certificates need.")
    ssl_cert_reqs: str = opt(
        "none", "Whether clients need a certificate.", choices=("none", "optional", "required")
    )
    ssl_ciphers: str | None = opt(None, "Cipher list of TLS 1.2, in OpenSSL's notation.")
    tls_handshake_timeout: float = opt(10.0, "Seconds for a TLS handshake.")

    def __post_init__(self) -> None:
        for option in options():
            value = check(option, getattr(self, option.name))
            object.__setattr__(self, option.name, value)
        self._check_together()

    def _check_together(self) -> None:
        if self.uds is not None and self.fd is not None:
            raise ConfigError("uds", "cannot be given together with fd; give one of them")
        if self.ssl_certfile is None:
            for name in ("ssl_keyfile", "ssl_ca_certs"):
                if getattr(self, name) is not None:
                    raise ConfigError(name, "needs ssl_certfile as well")
        if self.ssl_cert_reqs != "none" and self.ssl_ca_certs is None:
            raise ConfigError("ssl_cert_reqs", "needs ssl_ca_certs to verify clients with")
        if (self.workers > 1 or self.reload) and not isinstance(self.app, str):
            name = "reload" if self.reload else "workers"
            raise ConfigError(name, 'needs the app as a "module:attribute" string')
        if self.http not in HTTP_PARSERS and ":" not in self.http:
            raise ConfigError("http", f"{self.http!r} is not one of {', '.join(HTTP_PARSERS)}")
        try:
            Proxies(self.forwarded_allow_ips)
        except ValueError as error:
            raise ConfigError("forwarded_allow_ips", str(error)) from None
        if self.root_path and (self.root_path[0] != "/" or self.root_path[-1] == "/"):
            raise ConfigError("root_path", "must start with / and not end with it")
        object.__setattr__(self, "extra_headers", tuple(map(parse_header, self.headers)))

    # Derived from `headers`: the default response headers, ready for the wire.
    extra_headers: tuple[tuple[bytes, bytes], ...] = field(init=False, repr=False, compare=False)


@dataclass(frozen=True)
class Option:
    """One field of Config as the command line, the environment and the docs see it."""

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
    """The value in the option's own type, or ConfigError."""
    if value is None and option.optional:
        return None
    if option.multiple:
        if isinstance(value, str) or not all(isinstance(item, str) for item in value):
            raise ConfigError(option.name, f"{value!r} is not a list of strings")
        return tuple(value)
    if option.type is float and type(value) is int:
        value = float(value)
    if type(value) is not option.type:
        shown = "the value" if "secret" in option.rules else repr(value)
        raise ConfigError(option.name, f"{shown} is not of type {option.type.__name__}")
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


# RFC 9110 5.6.2: the characters of a field name.
TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def parse_header(line: str) -> tuple[bytes, bytes]:
    """ "Name:Value" as a lower-case name and a value, or ConfigError."""
    name, colon, text = line.partition(":")
    value = text.strip(" \t")
    if not (colon and name and TOKEN.issuperset(name.encode())):
        raise ConfigError("headers", f"{line!r} is not of the form Name:Value")
    try:
        encoded = value.encode("latin-1")
    except UnicodeEncodeError:
        raise ConfigError("headers", f"{line!r} has characters beyond Latin-1") from None
    # RFC 9110 5.5: CR, LF and NUL would end the field or worse.
    if any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in encoded):
        raise ConfigError("headers", f"{line!r} has control characters in its value")
    if name.lower() in {"content-length", "transfer-encoding", "connection"}:
        raise ConfigError("headers", f"{name} is the server's to set; leave it out")
    return name.lower().encode(), encoded
