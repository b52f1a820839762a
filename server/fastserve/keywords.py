"""The keywords of Config and run, with the types that they take; config.py has their meaning."""

import ssl
from collections.abc import Awaitable, Callable, Sequence
from configparser import RawConfigParser
from os import PathLike
from typing import IO, Any, Literal, TypedDict

Path = str | PathLike[str]
Paths = Path | Sequence[Path] | None
Interface = Literal["auto", "asgi3", "asgi2", "wsgi"]


class Keywords(TypedDict, total=False):
    """None is the default, or no limit; a test compares the names with those of Config."""

    host: str | None
    port: int
    uds: Path | None
    fd: int | None
    bind: str | Sequence[str] | None
    backlog: int
    app_dir: Path | None
    factory: bool
    interface: Interface
    lifespan: Literal["auto", "on", "off"]
    env_file: Path | None
    task_per_request: bool
    gc_freeze: bool
    coalesce_writes: bool
    body_copies: int | str | None
    reset_contextvars: bool
    static: Sequence[str] | str | None
    static_max_age: int | None
    loop: str
    workers: int | None
    threads: int | Literal["auto"] | None
    lifespan_scope: Literal["thread", "process"]
    reload: bool
    reload_dirs: Paths
    reload_includes: Paths
    reload_excludes: Paths
    reload_delay: float
    worker_max_memory: int | str | None
    worker_lifetime: float | None
    worker_lifetime_jitter: float | None
    pid_file: Path | None
    process_name: str | None
    user: str | None
    group: str | None
    umask: int | str | None
    callback_notify: Callable[[], Awaitable[None]] | None
    timeout_notify: float
    http: str
    headers: Sequence[str | tuple[str, str]] | None
    server_header: bool
    date_header: bool
    proxy_headers: bool
    forwarded_allow_ips: str | Sequence[str] | None
    forwarded_headers: Literal["x-forwarded", "forwarded"]
    forwarded_host: bool
    proxy_protocol: bool
    root_path: str | None
    log_level: str | int | None
    log_config: dict[str, Any] | Path | RawConfigParser | IO[Any] | None
    log_file: str
    access_log: bool
    access_log_file: str
    access_log_format: str
    use_colors: bool | None
    metrics: str | int | None
    drain_delay: float | None
    limit_request_line: int
    limit_field: int
    limit_fields: int
    limit_field_count: int
    h11_max_incomplete_event_size: int | None
    limit_trailers: int | None
    limit_chunk_extensions: int | None
    limit_body: int | None
    limit_concurrency: int | None
    limit_connections: int | None
    limit_max_requests: int | None
    limit_max_requests_jitter: int | None
    pipeline_bytes: int
    write_high_water: int
    drain_body: int
    timeout_first_byte: float | None
    timeout_head: float | None
    timeout_body: float | None
    min_body_rate: int | None
    timeout_keep_alive: float | None
    timeout_send: float | None
    timeout_graceful_shutdown: float | None
    timeout_startup: float | None
    timeout_worker_healthcheck: float | None
    http2: bool
    h2_max_concurrent_streams: int
    h2_initial_window_size: int
    h2_max_window_size: int
    h2_connection_window_size: int
    h2_max_field_block: int
    h2_max_resets: int
    h2_max_control_frames: int
    h2_ping_interval: float | None
    h2_ping_timeout: float | None
    ws: str | None
    ws_max_size: int
    ws_max_queue: int
    ws_max_fragments: int
    ws_ping_interval: float | None
    ws_ping_timeout: float | None
    ws_close_timeout: float | None
    ws_per_message_deflate: bool
    ssl_certfile: Path | None
    ssl_keyfile: Path | None
    ssl_keyfile_password: str | None
    ssl_sni: Paths
    ssl_reload: bool
    ssl_ca_certs: Path | None
    ssl_crlfile: Path | None
    ssl_cert_reqs: str | int | None
    ssl_ciphers: str | None
    ssl_ciphersuites: str | None
    ssl_min_version: str
    ssl_version: int | None
    ssl_context: str | None
    ssl_context_factory: Callable[[Any, Callable[[], ssl.SSLContext]], ssl.SSLContext] | None
    ssl_transport: str
    timeout_tls_handshake: float | None
