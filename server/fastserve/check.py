"""`fastserve check`: what would happen if the server were started with these options."""

import contextlib
import errno
import os
import re
import resource
import socket
import ssl
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from . import importer, log_config, privileges, sockets, transports, variables
from .addresses import addresses
from .asgi.tls_scope import server_certificate
from .config import Config, options
from .errors import AppError, BindError, ConfigError
from .loops import choose_loop, loop_factory
from .metrics_address import address_of
from .ports import holder_of
from .service import load_port
from .tls import context_of, server_context
from .tls_options import parse_sni
from .values import ENV_PREFIX, Option
from .watch import open_watch

OK, WARNING, ERROR = "ok", "warning", "error"
EXPIRES_SOON = 21 * 86400  # seconds
# Files that the server makes: their folder must be there and let it, and some --user too.
MADE = ("pid_file", "log_file", "access_log_file")
MADE_BY_USER = ("log_file", "access_log_file")
ANY_ADDRESS = {"0.0.0.0", "::"}
LOOPBACK = {"127.0.0.1", "::1"}


class Finding(NamedTuple):
    """One line of the report."""

    level: str
    text: str


def check(
    app: str, given: Mapping[str, Any], origins: Mapping[str, str], *, every: bool = False
) -> int:
    """Print the options that differ from their default, or every one, and what was found.

    `origins` says where each of `given` is from. Returns the exit status: 1 if there is an error.
    """
    errors = [Finding(ERROR, problem) for problem in variables.problems()]
    before = set(os.environ)
    try:
        config = Config(app, **given)
    except ConfigError as error:
        findings = [*errors, Finding(ERROR, f"{flag(error.option)}: {error.problem}")]
    else:
        print_options(config, origins, every=every)
        added = sorted(name for name in set(os.environ) - before if name.startswith(ENV_PREFIX))
        findings = [*errors, *env_file_findings(config, added)]
        for each in CHECKS:
            findings += attempt(each, config)
    for finding in findings:
        print(f"{finding.level:8} {finding.text}")
    count = {level: sum(item.level == level for item in findings) for level in (WARNING, ERROR)}
    print(", ".join(f"{number} {name}{'s' * (number != 1)}" for name, number in count.items()))
    return 1 if count[ERROR] else 0


def attempt(each: Callable[[Config], Iterator[Finding]], config: Config) -> list[Finding]:
    """What the check finds until it raises, and why it does."""
    found = []
    try:
        for finding in each(config):
            found.append(finding)
    except ConfigError as error:
        found.append(Finding(ERROR, f"{flag(error.option)}: {error.problem}"))
    return found


def flag(name: str) -> str:
    return next((option.flag for option in options() if option.name == name), name)


# The options


def print_options(config: Config, origins: Mapping[str, str], *, every: bool) -> None:
    rows = [
        (option.flag, shown(option, getattr(config, option.name)), origin)
        for option in options()
        if option.in_command
        and ((origin := origin_of(option, config, origins)) != "default" or every)
    ]
    if not rows:
        print("Every option has its default.\n")
        return
    print("Options:" if every else "Options that differ from the default:")
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, origin in rows:
        print(f"  {name:{widths[0]}}  {value:{widths[1]}}  {origin}")
    print()


def origin_of(option: Option, config: Config, origins: Mapping[str, str]) -> str:
    if getattr(config, option.name) == option.default:
        return "default"
    if option.name in origins:
        return origins[option.name]
    variable = option.rules.get("env", "")
    if variable in os.environ:
        return f"{variable} in the environment"
    return "follows from another option"


def shown(option: Option, value: Any) -> str:
    if value in (None, "", ()):
        return "-"
    if "secret" in option.rules:
        return "(not shown)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def env_file_findings(config: Config, added: list[str]) -> Iterator[Finding]:
    for name in added:
        yield Finding(
            WARNING,
            f"{name} in {config.env_file} sets no option: --env-file is for the application",
        )


# What is tried


def check_app(config: Config) -> Iterator[Finding]:
    try:
        importer.load(config)
    except AppError as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        yield Finding(ERROR, str(error))
    else:
        yield Finding(OK, f"{config.app} can be imported (its startup was not run)")


def check_addresses(config: Config) -> Iterator[Finding]:
    with contextlib.ExitStack() as undo:
        try:
            bound = sockets.bind(config)
        except BindError as error:
            yield taken(error, str(config.app))
            return
        undo.callback(sockets.close, bound)
        for sock in bound:
            yield Finding(OK, f"{sockets.url_of(sock, config)} can be bound")
        yield from check_metrics(config, [sock.getsockname() for sock in bound])
        names = [sock.getsockname()[0] for sock in bound if sock.family != socket.AF_UNIX]
    if ANY_ADDRESS & set(names):
        if config.proxy_headers and config.forwarded_allow_ips == "*":
            yield Finding(
                WARNING,
                "--forwarded-allow-ips * lets whoever reaches this server choose its address",
            )
    elif names and set(names) <= LOOPBACK and in_container():
        here = " and ".join(dict.fromkeys(names))
        remedy = "--bind 0.0.0.0:PORT" if config.bind else "--host 0.0.0.0"
        yield Finding(WARNING, f"in a container, only it reaches {here}; use {remedy}")


def check_metrics(config: Config, others: list[Any]) -> Iterator[Finding]:
    """`others` are the names of the application's sockets."""
    if config.metrics is None:
        return
    from .metrics import check_installed  # compiled, and needed for this alone

    check_installed()
    try:
        bound = sockets.bind_all(addresses(Config(config.app, **address_of(config.metrics))))
    except BindError as error:
        found = taken(error, str(config.app))
        yield Finding(found.level, f"--metrics: {found.text.partition(': ')[2]}")
        return
    places = [(sockets.url(sock, "http"), sock.getsockname()) for sock in bound]
    sockets.close(bound)
    for place, name in places:
        # Linux binds an address twice that nobody listens on yet.
        if name in others:
            yield Finding(ERROR, f"--metrics: {place} is an address of the application")
        else:
            yield Finding(OK, f"{place} can be bound (metrics)")


def taken(error: BindError, app: str) -> Finding:
    """An address that cannot be bound, and who has it: perhaps the server that is to be replaced.

    A check before a reload must not fail because of that one.
    """
    in_use = getattr(error.__cause__, "errno", None) == errno.EADDRINUSE
    match = re.search(r":(\d+) is already in use", str(error)) if in_use else None
    holder = holder_of(int(match[1])) if match else None
    if holder is None:
        return Finding(ERROR, str(error))
    problem = f"{str(error).partition(';')[0]}: process {holder.pid} has it"
    if "fastserve" in holder.name and app in holder.name:
        return Finding(WARNING, f"{problem}, which serves {app}; reload it, or stop it first")
    return Finding(ERROR, f"{problem}: {holder.name[:60]}")


def check_tls(config: Config) -> Iterator[Finding]:
    context = server_context(config)
    if context is None:
        return
    certificate = server_certificate(config)
    if certificate is None:
        yield Finding(OK, "the TLS context can be made")
        return
    yield from check_certificate("--ssl-certfile", str(config.ssl_certfile), context, certificate)
    keys = [config.ssl_keyfile or config.ssl_certfile]
    for item in config.ssl_sni:
        _, pair = parse_sni(item)
        own = context_of(config, pair)
        if own.certificate is not None:
            yield from check_certificate("--ssl-sni", pair.certfile, own, own.certificate)
        keys.append(pair.keyfile or pair.certfile)
    for key in dict.fromkeys(keys):
        if key is not None and os.stat(key).st_mode & 0o004:
            yield Finding(WARNING, f"every user of this machine can read the private key in {key}")


def check_certificate(
    option: str, name: str, context: ssl.SSLContext, certificate: str
) -> Iterator[Finding]:
    try:
        found = presented(context, certificate)
    except ssl.SSLCertVerificationError as error:
        yield Finding(ERROR, f"{option}: {name}: {error.verify_message}")
        return
    except ssl.SSLError as error:
        yield Finding(ERROR, f"{option}: no TLS handshake succeeds: {error}")
        return
    ends = ssl.cert_time_to_seconds(found["notAfter"])
    days = int(ends - time.time()) // 86400
    names = ", ".join(value for _, value in found.get("subjectAltName", ())) or "no name"
    text = f"{name} and its key match; for {names}; valid until {found['notAfter']} ({days} days)"
    yield Finding(WARNING if ends - time.time() < EXPIRES_SOON else OK, text)


def presented(context: ssl.SSLContext, certificate: str) -> Any:
    """The certificate that a client sees, as getpeercert() has it. Raises ssl.SSLError."""
    context.verify_mode = ssl.CERT_NONE  # this client has no certificate of its own
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # whoever has signed it
    trusting.load_verify_locations(cadata=certificate)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = trusting.wrap_bio(to_client, to_server)
    for side in (client, server) * 3:  # TLS 1.2 takes two round trips
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return client.getpeercert()


def check_files(config: Config) -> Iterator[Finding]:
    if isinstance(config.log_config, str) and config.log_config:
        try:
            log_config.read(config.log_config)
        except Exception as error:  # of whichever parser
            problem = f"{type(error).__name__}: {error}"
            yield Finding(ERROR, f"--log-config: cannot load {config.log_config}: {problem}")
        else:
            yield Finding(OK, f"{config.log_config} can be read")
    for name in MADE:
        path = getattr(config, name, None)
        if path and path != "-":
            by_user = privileges.as_user(config) if name in MADE_BY_USER else None
            with by_user or contextlib.nullcontext():
                may_be_written = is_writable(path)
            if not may_be_written:
                yield Finding(ERROR, f"{flag(name)}: {path} cannot be written")
    for folder in config.reload_dirs:
        if not os.path.isdir(folder):
            yield Finding(ERROR, f"--reload-dir: {folder} is not a folder")


def is_writable(path: str) -> bool:
    place = path if os.path.exists(path) else os.path.dirname(os.path.abspath(path))
    return os.access(place, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def check_threads(config: Config) -> Iterator[Finding]:
    """After the others, which import what may turn the GIL on."""
    if config.threads > 1:
        from . import gil

        gil.require_off()
        yield Finding(OK, f"{config.threads} threads can run at the same time")


def check_user(config: Config) -> Iterator[Finding]:
    privileges.check_python(config)
    yield from ()


def check_packages(config: Config) -> Iterator[Finding]:
    """What the options need that may not be installed."""
    loop = choose_loop(config.loop)
    loop_factory(loop)
    if config.loop == "auto" and loop != "uvloop":
        yield Finding(WARNING, "uvloop is not installed; the event loop of asyncio is slower")
    load_port(config.http)
    transports.uses_direct(config)
    open_watch(config)


# What is allowed but seldom meant


def check_sense(config: Config) -> Iterator[Finding]:
    if config.reload:
        yield Finding(WARNING, "--reload is for development: it restarts when a file changes")
    if os.geteuid() == 0 and not getattr(config, "user", None):
        yield Finding(WARNING, "it would run as root; use --user, or start it as another user")
    if off := [option.flag for option in options() if is_off(option, config)]:
        yield Finding(WARNING, f"without a limit or a deadline: {', '.join(off)}")
    if config.timeout_graceful_shutdown is None:
        yield Finding(WARNING, "a stop may take for ever: --timeout-graceful-shutdown none")
    yield from check_descriptors(config)


def check_descriptors(config: Config) -> Iterator[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and config.limit_connections >= soft:
        yield Finding(
            WARNING,
            f"--limit-connections {config.limit_connections} is more than the {soft} file "
            "descriptors of a process (ulimit -n)",
        )


def in_container() -> bool:
    return os.path.exists("/.dockerenv") or "KUBERNETES_SERVICE_HOST" in os.environ


def is_off(option: Option, config: Config) -> bool:
    """A limit or a deadline that has a default and was turned off."""
    return (
        option.group in ("limits", "timeouts")
        and bool(option.default)
        and getattr(config, option.name) == 0
        and option.name not in ("timeout_graceful_shutdown", "timeout_keep_alive")
    )


CHECKS: tuple[Callable[[Config], Iterator[Finding]], ...] = (
    check_app,
    check_addresses,
    check_tls,
    check_user,
    check_files,
    check_packages,
    check_threads,
    check_sense,
)
