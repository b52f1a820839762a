"""What the TLS options must be together, and what an item of `ssl_sni` means."""

import re
from typing import TYPE_CHECKING, NamedTuple

from .errors import ConfigError

if TYPE_CHECKING:
    from .config import Config

VERSIONS = (17, 5, 2)  # ssl.PROTOCOL_TLS_SERVER, PROTOCOL_TLSv1_2 and PROTOCOL_TLS
TLS_1_2_ALONE = 5  # ssl.PROTOCOL_TLSv1_2, whose use is a DeprecationWarning
NAME = re.compile(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
NEED_CERTFILE = ("ssl_keyfile", "ssl_sni", "ssl_reload", "ssl_ca_certs", "ssl_crlfile")


class Pair(NamedTuple):
    """The files of a certificate and its key, and the options that named them."""

    certfile: str
    keyfile: str | None
    option: str = "ssl_certfile"
    key_option: str = "ssl_keyfile"

    @property
    def files(self) -> tuple[str, ...]:
        return (self.certfile, self.keyfile) if self.keyfile else (self.certfile,)


def parse_sni(item: str) -> tuple[str | None, Pair]:
    """`NAME=CERT[,KEY]`, or `CERT[,KEY]` for the certificate's own names. Raises ConfigError."""
    name, equals, files = item.partition("=")
    if not equals or not NAME.fullmatch(name):
        name, files = "", item
    certfile, *others = [file.strip() for file in files.split(",")]
    if not certfile or len(others) > 1 or "" in others:
        raise ConfigError("ssl_sni", f"{item!r} does not have the form [NAME=]CERT[,KEY]")
    pair = Pair(certfile, others[0] if others else None, "ssl_sni", "ssl_sni")
    return name.lower() or None, pair


def check(config: "Config") -> None:
    """Raises ConfigError."""
    makes_context = config.ssl_context is not None or config.ssl_context_factory is not None
    if not config.is_ssl:
        for name in NEED_CERTFILE:
            if getattr(config, name):
                raise ConfigError(name, "requires ssl_certfile")
    if config.ssl_cert_reqs != "none" and config.ssl_ca_certs is None and not makes_context:
        raise ConfigError("ssl_cert_reqs", "requires ssl_ca_certs, to verify clients with")
    if config.ssl_crlfile is not None and config.ssl_cert_reqs == "none":
        raise ConfigError("ssl_crlfile", "requires ssl_cert_reqs, to verify clients with")
    if config.ssl_version not in VERSIONS:
        raise ConfigError("ssl_version", f"{config.ssl_version} is older than TLS 1.2")
    if config.ssl_version == TLS_1_2_ALONE and config.ssl_min_version != "1.2":
        raise ConfigError("ssl_min_version", "cannot be combined with ssl_version 5, TLS 1.2 alone")
    if config.ssl_context is not None:
        if config.ssl_context_factory is not None:
            raise ConfigError("ssl_context", "cannot be combined with ssl_context_factory")
        if not all(config.ssl_context.partition(":")):
            problem = f"{config.ssl_context!r} does not have the form MODULE:FUNCTION"
            raise ConfigError("ssl_context", problem)
    for item in config.ssl_sni:
        parse_sni(item)
    reason = needs_ssl_module(config)
    if reason and config.ssl_transport == "direct":
        raise ConfigError("ssl_transport", f"direct cannot be combined with {reason}")


def needs_ssl_module(config: "Config") -> str | None:
    """An option whose context may call back, or verifies clients: see transports.py."""
    for name in ("ssl_context", "ssl_context_factory", "ssl_sni"):
        if getattr(config, name):
            return name
    return None if config.ssl_cert_reqs == "none" else "ssl_cert_reqs"
