"""Every option, defined once: the command line, the environment and docs/options.md follow it."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import log_config, tls_options
from .addresses import addresses
from .errors import ConfigError
from .metrics_address import address_of
from .proxy import FORWARDED, LOOPBACK, X_FORWARDED, Proxies
from .values import (
    Option,
    check,
    opt,
    options_of,
    parse,
    parse_header,
    parse_mode,
    parse_size,
    parse_threads,
)

if TYPE_CHECKING:
    import socket
    from typing import Unpack

    from .keywords import Keywords

MIB = 1024 * 1024
LOG_LEVELS = ("critical", "error", "warning", "info", "debug", "trace")

# Each begins with this option and ends before the next group; in the order of Config.
GROUPS = {
    "host": ("address", "Where to listen"),
    "app_dir": ("app", "The application"),
    "loop": ("process", "Event loop, processes and reload"),
    "http": ("protocol", "HTTP"),
    "proxy_headers": ("proxy", "Behind a proxy"),
    "log_level": ("log", "Logging"),
    "metrics": ("metrics", "Metrics and health checks"),
    "limit_request_line": ("limits", "Limits (0: no limit)"),
    "timeout_first_byte": ("timeouts", "Deadlines in seconds (0: none)"),
    "http2": ("http2", "HTTP/2"),
    "ws": ("websocket", "WebSocket"),
    "ssl_certfile": ("tls", "TLS"),
}


@dataclass(frozen=True, init=False)
class Config:
    """The options of one server: immutable, and checked when created.

    `app` is an ASGI application or its "module:attribute". Sizes are in bytes and times in
    seconds; 0 turns a limit or a deadline off, unless its help says otherwise. Names and values
    are those of uvicorn where it has the option: None is no limit, `headers` may have pairs,
    `log_config` may be a dict. Raises ConfigError.
    """

    app: Any

    host: str = opt(
        "127.0.0.1", "Address to listen on; separate several with commas.", none="", common=True
    )
    port: int = opt(8000, "Port to listen on; 0 picks a free one.", high=65535, common=True)
    uds: str | None = opt(None, "Unix socket to listen on instead of host and port.", common=True)
    fd: int | None = opt(None, "Inherited file descriptor to listen on instead of host and port.")
    bind: tuple[str, ...] = opt(
        (),
        "Address to listen on instead of host and port; repeatable: HOST:PORT, http://HOST:PORT or "
        "https://HOST:PORT (plain or TLS, whatever the others are), "
        "unix:PATH?mode=660&owner=NAME&group=NAME&tls=on, fd://N.",
        one=True,
        common=True,
    )
    backlog: int = opt(
        2048, "Connections that may wait in the kernel to be accepted.", low=1, high=2**31 - 1
    )

    app_dir: str = opt(
        ".",
        "Directory to import the application from, put first on sys.path.",
        none=".",
        common=True,
    )
    factory: bool = opt(False, "APP is a function that returns the application.", common=True)
    interface: str = opt(
        "auto",
        "Interface of the application; auto detects it.",
        choices=("auto", "asgi3", "asgi2", "wsgi"),
    )
    lifespan: str = opt(
        "auto",
        "Send lifespan events; on: an application that does not support them is an error.",
        choices=("auto", "on", "off"),
        common=True,
    )
    env_file: str | None = opt(
        None, "File of environment variables to set before the application is imported."
    )
    task_per_request: bool = opt(
        False, "Never use an asyncio task for two requests, not even one that did not wait."
    )
    gc_freeze: bool = opt(
        True,
        "Spare the garbage collector what exists when the application has started (gc.freeze): it "
        "would search that again and again while requests wait. Not in a program's own loop.",
    )
    coalesce_writes: bool = opt(
        True,
        "Send the small answers of one turn of the event loop together, up to 1 ms later unless "
        "the application computes longer, where that takes less CPU time, which is measured: to "
        "wake a client may cost more than to answer.",
    )
    body_copies: int = opt(
        16 << 20,
        "Memory of each event loop for copies of bodies of 16 KB to 1 MB that the application "
        "sends again and again, each as one object: the kernel sends such a copy as it is, but "
        "has to copy anything else. Bytes, or as 64M; 0: none.",
        high=1 << 40,
        read=parse_size,
    )
    reset_contextvars: bool = opt(
        False, "Accepted as uvicorn's: every request has contextvars of its own anyway."
    )
    static: tuple[str, ...] = opt(
        (),
        "Folder of files to serve, as PREFIX=DIR; repeatable. Under PREFIX the application is not "
        "asked, unless PREFIX is /.",
        one=True,
    )
    static_max_age: int | None = opt(
        None, "Seconds that clients may keep files of --static, as Cache-Control tells them."
    )

    loop: str = opt(
        "auto",
        "Event loop; auto: uvloop. A function that returns a loop as MODULE:FUNCTION.",
        choices=("auto", "uvloop", "asyncio"),
        also={"none": "asyncio"},
        open=True,
        common=True,
    )
    workers: int = opt(
        1,
        "Number of worker processes; $WEB_CONCURRENCY if that is set.",
        low=1,
        none=1,
        env="WEB_CONCURRENCY",
        common=True,
    )
    threads: int = opt(
        1,
        "Event loops of each process, each in a thread of its own: a number, or auto for one for "
        "each CPU that it may use. More than 1 needs a free-threaded Python (3.13t, 3.14t).",
        low=1,
        none=1,
        read=parse_threads,
        common=True,
    )
    lifespan_scope: str = opt(
        "thread",
        "With --threads, start the application in each thread, which then has lifespan state of "
        "its own, or once in each process.",
        choices=("thread", "process"),
    )
    reload: bool = opt(False, "Restart when a source file changes; for development.", common=True)
    reload_dirs: tuple[str, ...] = opt(
        (), "Directory to watch instead of --app-dir; repeatable.", flag="reload_dir", one=True
    )
    reload_includes: tuple[str, ...] = opt(
        (),
        "Pattern of files to watch besides *.py, or a directory; repeatable.",
        flag="reload_include",
        one=True,
    )
    reload_excludes: tuple[str, ...] = opt(
        (),
        "Pattern of files not to watch, besides .*, .py[cod], .sw.* and ~*, or a directory; "
        "repeatable.",
        flag="reload_exclude",
        one=True,
    )
    reload_delay: float = opt(0.25, "Seconds without a change before the restart.", low=0.01)
    worker_max_memory: int = opt(
        0,
        "Resident memory above which a worker is replaced, once its successor is ready: bytes, or "
        "as 512M or 2G. 0: no limit.",
        read=parse_size,
    )
    worker_lifetime: float = opt(
        0.0, "Seconds after which a worker is replaced, once its successor is ready. 0: never."
    )
    worker_lifetime_jitter: float = opt(
        0.0, "Add up to this many seconds to worker_lifetime, at random for each worker."
    )
    pid_file: str | None = opt(
        None, "File to write the number of the main process to, for `kill` and `fastserve upgrade`."
    )
    process_name: str | None = opt(
        None, "Name of the processes in ps, instead of APP; needs setproctitle."
    )
    user: str | None = opt(
        None, "User that the workers become, name or number, when the server is started as root."
    )
    group: str | None = opt(None, "Group that the workers get, name or number; else the user's.")
    umask: int | None = opt(
        None,
        "Permissions that new files are not to have, in octal, as 027.",
        read=parse_mode,
        high=0o777,
    )
    callback_notify: Any = opt(  # noqa: RUF009
        None, "Coroutine function to call every `timeout_notify` seconds.", python_only=True
    )
    timeout_notify: float = opt(
        30.0, "Seconds between two calls of `callback_notify`.", low=0.01, python_only=True
    )

    http: str = opt(
        "auto",
        "HTTP parser: auto (llhttp), llhttp, h11, or a class as MODULE:CLASS. httptools and zttp "
        "are accepted and mean llhttp.",
        choices=("auto", "llhttp", "h11"),
        own="fastserve has a parser of its own over llhttp",
        also={"httptools": "llhttp", "zttp": "llhttp"},
        open=True,
        common=True,
    )
    headers: tuple[str, ...] = opt(
        (), "Response header to add, as Name:Value; repeatable.", flag="header"
    )
    server_header: bool = opt(True, "Send a Server header.")
    date_header: bool = opt(True, "Send a Date header.")

    proxy_headers: bool = opt(
        True,
        "Take the client's address and scheme from X-Forwarded-For and X-Forwarded-Proto, or from "
        "Forwarded.",
        common=True,
    )
    forwarded_allow_ips: str = opt(
        LOOPBACK,
        "Proxies whose headers are trusted: addresses, networks, "
        "unix (all clients of the Unix socket) or *; separate several with commas. "
        "$FORWARDED_ALLOW_IPS if that is set.",
        none=LOOPBACK,
        commas=True,
        env="FORWARDED_ALLOW_IPS",
        common=True,
    )
    forwarded_headers: str = opt(
        X_FORWARDED,
        "Headers that the proxy sets: x-forwarded (X-Forwarded-For and the like) or forwarded (RFC "
        "7239). The others are never trusted, since the proxy lets them pass from clients.",
        choices=(X_FORWARDED, FORWARDED),
    )
    forwarded_host: bool = opt(
        False,
        "Replace the Host header by X-Forwarded-Host and -Port, or by the host of Forwarded; only "
        "if the proxy sets them in every request.",
    )
    proxy_protocol: bool = opt(
        False,
        "Require the PROXY protocol, version 1 or 2, on every connection; only proxies in "
        "--forwarded-allow-ips may connect then.",
    )
    root_path: str = opt(
        "",
        "Path prefix that a proxy strips; the application gets it as root_path, and again in path.",
        none="",
        common=True,
    )

    log_level: str | None = opt(
        None,
        "Lowest level of messages to log (info); trace logs every ASGI message. From warning on, "
        "no access log.",
        choices=LOG_LEVELS,
        also={
            "0": "info",  # logging.NOTSET
            "5": "trace",
            "10": "debug",
            "20": "info",
            "30": "warning",
            "40": "error",
            "50": "critical",
        },
        common=True,
    )
    log_config: Any = opt(  # noqa: RUF009
        "",  # None, if given, leaves logging to the program
        "Logging configuration file: JSON, TOML or YAML for dictConfig, or INI for fileConfig. "
        "Loggers and formatters of uvicorn in it mean ours.",
        common=True,
    )
    log_file: str = opt(
        "-", "File to append the log to; -: standard error. Reopened on SIGHUP and SIGUSR1."
    )
    access_log: bool = opt(True, "Log each request to standard output.", common=True)
    access_log_file: str = opt(
        "-", "File to append the access log to; -: standard output. Reopened likewise."
    )
    access_log_format: str = opt(
        "text",
        "Format of the access log: text, json, or gunicorn's atoms, as in "
        "'%(h)s \"%(r)s\" %(s)s %({x-request-id}i)s'.",
    )
    use_colors: bool | None = opt(
        None, "Colours in the log; without the option: on a terminal, unless NO_COLOR is set."
    )

    metrics: str | None = opt(
        None,
        "Address for Prometheus (/metrics) and health checks (/live, /ready), as [HOST:]PORT or "
        "unix:PATH; HOST is 127.0.0.1 unless given.",
        number=True,
    )
    drain_delay: float = opt(
        0.0,
        "Seconds to go on serving after SIGTERM while /ready answers 503, so that load balancers "
        "send clients elsewhere.",
    )

    limit_request_line: int = opt(8192, "Maximum bytes in the request line; more: 414.", low=64)
    limit_field: int = opt(16384, "Maximum bytes in one header field; more: 431.", low=64)
    limit_fields: int = opt(65536, "Maximum bytes in all header fields; more: 431.", low=64)
    limit_field_count: int = opt(128, "Maximum number of header fields; more: 431.", low=1)
    h11_max_incomplete_event_size: int | None = opt(
        None,
        "uvicorn's name for the limit of a head, with either parser: sets limit_request_line, "
        "limit_field and limit_fields where they are not given.",
        low=64,
    )
    limit_trailers: int = opt(16384, "Maximum bytes in all trailer fields; more: 431.")
    limit_chunk_extensions: int = opt(
        16384, "Maximum bytes of chunk extensions in one message; more: 413."
    )
    limit_body: int = opt(
        0, "Maximum bytes in a request body; more: 413. 0: no limit.", common=True
    )
    limit_concurrency: int = opt(
        0,
        "Maximum HTTP requests in progress in a worker, or in each of its threads; more: 503. 0: "
        "no limit.",
        common=True,
    )
    limit_connections: int = opt(
        0,
        "Maximum open connections of a worker, or of each of its threads; at the limit, accepting "
        "pauses. 0: no limit.",
    )
    limit_max_requests: int = opt(
        0,
        "Maximum requests of a process, with all its threads; then it stops or, with --workers, is "
        "replaced. 0: no limit.",
        common=True,
    )
    limit_max_requests_jitter: int = opt(
        0, "Add up to this many requests to limit_max_requests, at random for each process."
    )
    pipeline_bytes: int = opt(
        65536, "Bytes of later requests to read ahead on a connection.", low=1
    )
    write_high_water: int = opt(65536, "Unsent bytes above which send() waits.", low=1)
    drain_body: int = opt(
        65536, "Bytes of an unread request body to skip; more: the connection is closed."
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
    timeout_keep_alive: float | None = opt(
        65.0,
        "Seconds to keep an idle connection open for the next request. 0: close it after each "
        "response; none: keep it.",
        common=True,
    )
    timeout_send: float = opt(
        60.0, "Seconds to wait for a client that reads nothing of its response."
    )
    timeout_graceful_shutdown: float | None = opt(
        30.0,
        "Seconds to wait for requests in progress at shutdown. 0: do not wait; none: no limit.",
        common=True,
    )
    timeout_startup: float = opt(
        120.0, "Seconds to wait for a worker to start; then it is killed and replaced."
    )
    timeout_worker_healthcheck: float = opt(
        60.0, "Seconds that a worker's event loop may hang; then it is killed and replaced."
    )

    http2: bool = opt(
        True, "Speak HTTP/2 too: with TLS by ALPN, else to clients that begin with it."
    )
    h2_max_concurrent_streams: int = opt(
        100,
        "Maximum requests in progress on one HTTP/2 connection; more: refused.",
        low=1,
        high=2**31 - 1,
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

    ws: str = opt(
        "auto",
        "WebSocket: auto, or none to give upgrade requests to the application as HTTP. "
        "websockets, websockets-sansio and wsproto are accepted and mean auto.",
        choices=("auto", "none"),
        own="fastserve has one implementation of WebSocket",
        also={"websockets": "auto", "websockets-sansio": "auto", "wsproto": "auto"},
        none="none",
        common=True,
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

    ssl_certfile: str | None = opt(None, "Certificate chain (PEM file); turns TLS on.", common=True)
    ssl_keyfile: str | None = opt(
        None, "Private key (PEM file), if not in the certificate file.", common=True
    )
    ssl_keyfile_password: str | None = opt(None, "Password of the private key.", secret=True)
    ssl_sni: tuple[str, ...] = opt(
        (),
        "[NAME=]CERT[,KEY]: another certificate, for clients that ask for NAME (as *.example.org) "
        "or, without NAME, for a name in it; repeatable.",
        one=True,
    )
    ssl_reload: bool = opt(
        False, "Load certificates again when one of their files has changed; SIGHUP does so too."
    )
    ssl_ca_certs: str | None = opt(
        None, "CA certificates (PEM file) to verify client certificates with."
    )
    ssl_crlfile: str | None = opt(
        None, "Revoked client certificates: the list (CRL, PEM file) of each CA that issues them."
    )
    ssl_cert_reqs: str = opt(
        "none",
        "Whether clients must present a certificate; or the number of ssl.CERT_NONE (0), "
        "CERT_OPTIONAL (1), CERT_REQUIRED (2).",
        choices=("none", "optional", "required"),
        also={"0": "none", "1": "optional", "2": "required"},
        none="none",
    )
    ssl_ciphers: str | None = opt(None, "TLS 1.2 ciphers, in OpenSSL's format.")
    ssl_ciphersuites: str | None = opt(
        None,
        "TLS 1.3 cipher suites, in OpenSSL's format; separate several with colons. Without it, "
        "those of OpenSSL, with TLS_AES_128_GCM_SHA256 first.",
    )
    ssl_min_version: str = opt(
        "1.2",
        "Lowest version of TLS.",
        choices=("1.2", "1.3"),
        also={
            **dict.fromkeys(("tls1.2", "tlsv1.2", "771"), "1.2"),
            **dict.fromkeys(("tls1.3", "tlsv1.3", "772"), "1.3"),
        },
    )
    ssl_version: int = opt(
        17,
        "Number of a protocol of the ssl module: 17 or 2 (TLS 1.2 and later) or 5 (TLS 1.2 alone).",
        high=17,
        none=17,
    )
    ssl_context: str | None = opt(
        None,
        "MODULE:FUNCTION that returns the ssl.SSLContext; its arguments are the config and a "
        "function that makes the default context.",
    )
    ssl_context_factory: Any = opt(  # noqa: RUF009
        None,
        "Function of the config and a function that makes the default context; returns the "
        "ssl.SSLContext.",
        python_only=True,
    )
    ssl_transport: str = opt(
        "auto",
        "What carries TLS: the server with OpenSSL directly, or the event loop; auto: directly, "
        "but the loop where SNI, client certificates or a context of your own need the ssl module.",
        choices=("auto", "direct", "loop"),
    )
    timeout_tls_handshake: float = opt(10.0, "Seconds to wait for a TLS handshake.")

    # Derived from `headers`: response headers as bytes.
    extra_headers: tuple[tuple[bytes, bytes], ...] = field(init=False, repr=False, compare=False)
    # Whether the server's own fields are sent: not those that `headers` has.
    own_server: bool = field(init=False, repr=False, compare=False)
    own_date: bool = field(init=False, repr=False, compare=False)

    def __init__(self, app: Any, *address: Any, **given: "Unpack[Keywords]") -> None:
        """`address` is uvicorn's order of the first options: host, port, uds, fd."""
        values: dict[str, Any] = dict(given)
        for name, value in zip(ADDRESS, address, strict=False):
            if name in values:
                raise ConfigError(name, "is given twice")
            values[name] = value
        for name in values:
            if name not in _BY_NAME:
                raise ConfigError(name, f"there is no such option{suggestion(name)}")
        self._set("app", app)
        if "log_config" in values and values["log_config"] is None:
            values["log_config"] = {}  # as in uvicorn: the program has set up logging itself
        if values.get("env_file") is not None:
            load_env_file(check(_BY_NAME["env_file"], values["env_file"]))
        for option in options():
            self._set(option.name, self._value_of(option, values))
        self._check_together()
        self._set_head_limits(values)
        self._set("extra_headers", tuple(map(parse_header, self.headers)))
        names = {name for name, _ in self.extra_headers}
        self._set("own_server", self.server_header and b"server" not in names)
        self._set("own_date", self.date_header and b"date" not in names)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _value_of(self, option: Option, values: Mapping[str, Any]) -> Any:
        if option.name in values and (values[option.name] is not None or option.optional):
            return check(option, values[option.name])
        text = os.environ.get(option.rules.get("env", ""), "")
        # A program that embeds the server has no use for the platform's number of processes.
        if text and (option.name != "workers" or isinstance(self.app, str)):
            try:
                return parse(option, text)
            except ConfigError as error:
                problem = f"{error.problem} (from {option.rules['env']} in the environment)"
                raise ConfigError(option.name, problem) from None
        return check(option, values.get(option.name, option.default))

    def _set_head_limits(self, values: Mapping[str, Any]) -> None:
        if self.h11_max_incomplete_event_size is not None:
            for name in ("limit_request_line", "limit_field", "limit_fields"):
                if name not in values:
                    self._set(name, self.h11_max_incomplete_event_size)

    def _check_together(self) -> None:
        if self.uds is not None and self.fd is not None:
            raise ConfigError("uds", "cannot be combined with fd; use one of them")
        self._check_bind()
        tls_options.check(self)
        if self.threads > 1:
            from . import gil

            gil.require_off()
        try:
            Proxies(self.forwarded_allow_ips)
        except ValueError as error:
            raise ConfigError("forwarded_allow_ips", str(error)) from None
        if self.metrics is not None:
            address_of(self.metrics)
        root_path = self.root_path.rstrip("/")
        if root_path and root_path[0] != "/":
            raise ConfigError("root_path", "must start with /")
        self._set("root_path", root_path)
        if self.static:
            from . import static

            static.mounts(self.static)
        self._set("log_config", log_config.plain(self.log_config))
        if self.log_file != "-" and self.log_config != "":
            raise ConfigError("log_file", "cannot be combined with log_config, which has handlers")
        if self.access_log_format not in ("text", "json"):
            from .access_format import Atoms

            try:
                Atoms(self.access_log_format)
            except ValueError as error:
                raise ConfigError("access_log_format", str(error)) from None

    def _check_bind(self) -> None:
        for name in ADDRESS if self.bind else ():
            if getattr(self, name) != _BY_NAME[name].default:
                raise ConfigError("bind", f"cannot be combined with {name}; name all with bind")
        try:
            found = addresses(self)
        except ValueError as error:
            raise ConfigError("bind", str(error)) from None
        if any(address.tls for address in found) and not self.is_ssl:
            raise ConfigError("bind", "TLS requires ssl_certfile")

    @property
    def needs_supervisor(self) -> str:
        """The option that asks for worker processes; empty when none does."""
        wanted = {
            "reload": self.reload,
            "workers": self.workers > 1,
            "worker_max_memory": self.worker_max_memory,
            "worker_lifetime": self.worker_lifetime,
            "user": self.user is not None,
            "group": self.group is not None,
        }
        return next((name for name, value in wanted.items() if value), "")

    # What programs written for uvicorn ask of its Config

    @property
    def is_ssl(self) -> bool:
        hook = self.ssl_context or self.ssl_context_factory
        return self.ssl_certfile is not None or hook is not None

    @property
    def loaded(self) -> bool:
        """Always: the server itself imports the application, when it starts."""
        return True

    def load(self) -> None:
        """Nothing is left to do; `Server.startup` imports the application."""

    def load_app(self) -> Any:
        """The application, imported. Raises AppError."""
        from .importer import load

        return load(self)

    def bind_socket(self) -> "socket.socket":
        """A bound socket, for `Server.run(sockets=[...])`. Raises BindError."""
        from . import sockets

        first, *others = sockets.bind(self)
        sockets.close(others)
        return first

    def get_loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop]:
        from .loops import loop_factory

        return loop_factory(self.loop)


ADDRESS = ("host", "port", "uds", "fd")


_OPTIONS = tuple(options_of(Config, GROUPS))
_BY_NAME = {option.name: option for option in _OPTIONS}


def options() -> tuple[Option, ...]:
    """All options, in the order of Config."""
    return _OPTIONS


def own_words(given: Mapping[str, Any]) -> Iterator[str]:
    """What to say of words that name an implementation of others."""
    for option in _OPTIONS:
        value = given.get(option.name)
        if "own" in option.rules and isinstance(value, str) and value.lower() in option.also:
            yield f"{option.flag} {value}: {option.rules['own']} and uses it"


def suggestion(name: str) -> str:
    """For a keyword that is not an option: what was meant, as far as one can tell."""
    import difflib

    from .foreign import answer

    found = answer("--" + name.replace("_", "-"))
    if found is not None:
        return f"; {found}"
    close = difflib.get_close_matches(name, _BY_NAME, 1)
    return f"; did you mean {close[0]}?" if close else ""


def load_env_file(path: str) -> None:
    """Set the variables of the file that are not set yet. Raises ConfigError."""
    try:
        from dotenv import load_dotenv
    except ImportError:
        raise ConfigError(
            "env_file",
            "needs python-dotenv, which is not installed; pip install 'fastserve-asgi[env]'",
        ) from None
    if not os.path.isfile(path):
        raise ConfigError("env_file", f"{path} is not a file")
    load_dotenv(path)


def __getattr__(name: str) -> Any:
    if name == "LOGGING_CONFIG":  # programs change a copy of uvicorn's and give it as log_config
        from .formatters import LOGGING_CONFIG

        return LOGGING_CONFIG
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
