"""The TLS context, made from the options."""

import ssl

from .config import Config
from .errors import ConfigError

TLS_1_2_ALONE = 5  # ssl.PROTOCOL_TLSv1_2, whose use is a DeprecationWarning
CERT_REQS = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


def server_context(config: Config) -> ssl.SSLContext | None:
    """None without `ssl_certfile`. Raises ConfigError if a file or the ciphers cannot be used."""
    factory = config.ssl_context_factory
    if factory is None:
        return default_context(config) if config.ssl_certfile is not None else None
    context = factory(config, lambda: default_context(config))
    if not isinstance(context, ssl.SSLContext):
        kind = type(context).__name__
        raise ConfigError("ssl_context_factory", f"must return an ssl.SSLContext, not {kind}")
    return context


def default_context(config: Config) -> ssl.SSLContext:
    if config.ssl_certfile is None:
        raise ConfigError("ssl_context_factory", "the default context needs ssl_certfile")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if config.ssl_version == TLS_1_2_ALONE:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["h2", "http/1.1"] if config.http2 else ["http/1.1"])
    load_certificate(context, config)
    load_authorities(context, config)
    if config.ssl_ciphers is not None:
        try:
            context.set_ciphers(config.ssl_ciphers)
        except ssl.SSLError as error:
            raise ConfigError(
                "ssl_ciphers", f"OpenSSL supports none of these ciphers ({error})"
            ) from error
    return context


def load_certificate(context: ssl.SSLContext, config: Config) -> None:
    # An empty password keeps OpenSSL from asking for one on the terminal.
    password = config.ssl_keyfile_password or ""
    assert config.ssl_certfile is not None
    try:
        context.load_cert_chain(config.ssl_certfile, config.ssl_keyfile, lambda: password)
    except OSError as error:  # ssl.SSLError is one
        files = " and ".join(filter(None, (config.ssl_certfile, config.ssl_keyfile)))
        raise ConfigError("ssl_certfile", f"cannot load {files}: {error}") from error


def load_authorities(context: ssl.SSLContext, config: Config) -> None:
    context.verify_mode = CERT_REQS[config.ssl_cert_reqs]
    if config.ssl_ca_certs is None:
        return
    try:
        context.load_verify_locations(config.ssl_ca_certs)
    except OSError as error:
        raise ConfigError("ssl_ca_certs", f"cannot load {config.ssl_ca_certs}: {error}") from error
