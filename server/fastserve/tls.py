"""The TLS context, made from the options."""

import contextlib
import hashlib
import logging
import os
import ssl
from collections.abc import Callable
from typing import Any

from . import certificates
from .certificates import ServerContext
from .config import Config
from .errors import AppError, ConfigError
from .tickets import Tickets
from .tls_options import TLS_1_2_ALONE, Pair, parse_sni

logger = logging.getLogger("fastserve")

FAST_SUITE = "TLS_AES_128_GCM_SHA256"
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
CERT_REQS = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


def server_context(config: Config) -> ssl.SSLContext | None:
    """None without TLS. Raises ConfigError if a file or the ciphers cannot be used."""
    if config.ssl_context is not None:
        option, factory = "ssl_context", imported(config, config.ssl_context)
    else:
        option, factory = "ssl_context_factory", config.ssl_context_factory
    if factory is None:
        return default_context(config) if config.ssl_certfile is not None else None
    context = factory(config, lambda: default_context(config))
    if not isinstance(context, ssl.SSLContext):
        kind = type(context).__name__
        raise ConfigError(option, f"must return an ssl.SSLContext, not {kind}")
    return context


def imported(config: Config, name: str) -> Callable[..., Any]:
    """The function that MODULE:FUNCTION names, whose exceptions become ConfigError."""
    from .importer import import_app

    try:
        function: Any = import_app(name, config.app_dir)
    except AppError as error:
        raise ConfigError("ssl_context", str(error)) from error.__cause__
    if not callable(function):
        raise ConfigError("ssl_context", f"{name} is not a function")

    def call(*args: Any) -> Any:
        try:
            return function(*args)
        except ConfigError:
            raise
        except Exception as error:
            problem = f"{name} failed: {type(error).__name__}: {error}"
            raise ConfigError("ssl_context", problem) from error

    return call


def default_context(config: Config) -> ssl.SSLContext:
    if config.ssl_certfile is None:
        option = "ssl_context" if config.ssl_context is not None else "ssl_context_factory"
        raise ConfigError(option, "the default context needs ssl_certfile")
    context = context_of(config, Pair(config.ssl_certfile, config.ssl_keyfile))
    if config.ssl_sni:
        choose_by_name(context, config)
    context.tickets = Tickets(context, sessions_of(config))
    context.tickets.keep_current()
    return context


def context_of(config: Config, pair: Pair) -> ServerContext:
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[config.ssl_min_version]
    if config.ssl_version == TLS_1_2_ALONE:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["h2", "http/1.1"] if config.http2 else ["http/1.1"])
    certificates.load(context, pair, config.ssl_keyfile_password)
    load_authorities(context, config)
    set_ciphers(context, config)
    return context


def set_ciphers(context: ssl.SSLContext, config: Config) -> None:
    if config.ssl_ciphers is not None:
        try:
            context.set_ciphers(config.ssl_ciphers)
        except ssl.SSLError as error:
            problem = f"OpenSSL supports none of these ciphers: {config.ssl_ciphers}"
            raise ConfigError("ssl_ciphers", problem) from error
    from .openssl import NotAvailable, set_ciphersuites  # ctypes is slow to import

    if config.ssl_ciphersuites is None:
        suites = preferred(context)
        if suites is not None:
            with contextlib.suppress(NotAvailable):
                set_ciphersuites(context, suites)
        return
    try:
        set_ciphersuites(context, config.ssl_ciphersuites)
    except (NotAvailable, ValueError) as error:
        raise ConfigError("ssl_ciphersuites", str(error)) from error


def preferred(context: ssl.SSLContext) -> str | None:
    """The TLS 1.3 suites that it has, the fastest first; None: that is so, or it is not there.

    RFC 8446 9.1: every client has it. 100 KB take 5% less CPU than with AES-256.
    """
    suites = [each["name"] for each in context.get_ciphers() if each["protocol"] == "TLSv1.3"]
    if FAST_SUITE not in suites[1:]:
        return None
    return ":".join([FAST_SUITE, *(name for name in suites if name != FAST_SUITE)])


def load_authorities(context: ssl.SSLContext, config: Config) -> None:
    context.verify_mode = CERT_REQS[config.ssl_cert_reqs]
    for option in ("ssl_ca_certs", "ssl_crlfile"):
        path = getattr(config, option)
        if path is not None:
            try:
                context.load_verify_locations(path)
            except OSError as error:
                raise ConfigError(option, f"cannot load {path}: {error}") from error
    if config.ssl_crlfile is not None:
        if not context.cert_store_stats()["crl"]:
            raise ConfigError("ssl_crlfile", f"no revocation list in {config.ssl_crlfile} (PEM)")
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def choose_by_name(context: ssl.SSLContext, config: Config) -> None:
    """Present the certificate of the name that the client asks for. RFC 6066 3"""
    contexts: dict[str, ssl.SSLContext] = {}
    for item in config.ssl_sni:
        name, pair = parse_sni(item)
        own = context_of(config, pair)
        names = [name] if name else certificates.names_in(own.certificate or "")
        if not names:
            raise ConfigError("ssl_sni", f"{pair.certfile} has no DNS name; use NAME={item}")
        for each in names:
            contexts.setdefault(each, own)

    def choose(connection: Any, name: str | None, first: ssl.SSLContext) -> None:
        name = (name or "").lower()
        # RFC 9525 6.3: `*` is the leftmost label, and one label.
        found = contexts.get(name) or contexts.get(f"*.{name.partition('.')[2]}")
        if found is not None:
            connection.context = found

    context.sni_callback = choose


def files_of(config: Config) -> list[str]:
    """Every file that the context is made from."""
    pairs = [parse_sni(item)[1] for item in config.ssl_sni]
    named = (config.ssl_certfile, config.ssl_keyfile, config.ssl_ca_certs, config.ssl_crlfile)
    return [*filter(None, named), *(file for pair in pairs for file in pair.files)]


def sessions_of(config: Config) -> bytes:
    """Differs where a session must not be resumed: other certificates, or other clients allowed.

    A resumed session is not verified again: not against a new revocation list either.
    """
    digest = hashlib.sha256(repr((config.ssl_cert_reqs, config.ssl_version)).encode())
    for path in files_of(config):
        try:
            digest.update(hashlib.sha256(certificates.read(path).encode()).digest())
        except OSError:  # gone since it was loaded
            digest.update(os.urandom(32))
    return digest.digest()
