"""The `tls` extension of the scope: what Python's ssl knows of a connection.

https://asgi.readthedocs.io/en/latest/specs/tls.html
"""

import ssl
from typing import Any

from fastserve.config import Config

VERSIONS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
# RFC 4514 3: the short names that every reader knows.
SHORT = {
    "commonName": "CN", "localityName": "L", "stateOrProvinceName": "ST", "countryName": "C",
    "organizationName": "O", "organizationalUnitName": "OU", "streetAddress": "STREET",
    "domainComponent": "DC", "userId": "UID",
}  # fmt: skip
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def server_certificate(config: Config) -> str | None:
    """The first certificate of the configured chain, as PEM."""
    if config.ssl_certfile is None:
        return None
    with open(config.ssl_certfile, encoding="ascii", errors="replace") as file:
        text = file.read()
    start, stop = text.find(BEGIN), text.find(END)
    return None if start < 0 or stop < 0 else text[start : stop + len(END)] + "\n"


def describe(connection: ssl.SSLObject, server_cert: str | None) -> dict[str, Any]:
    """The extension's entry for one connection.

    `server_cert` is for a context that does not know its own.
    """
    return {
        "server_cert": getattr(connection.context, "certificate", None) or server_cert,
        "client_cert_chain": client_chain(connection),
        "client_cert_name": distinguished_name(connection.getpeercert() or {}),
        "client_cert_error": None,  # a certificate that fails verification ends the handshake
        "tls_version": VERSIONS.get(connection.version() or ""),
        "cipher_suite": cipher_suite(connection),
    }


def client_chain(connection: Any) -> list[str]:
    """PEM, the client's own first; all of it since Python 3.13, else that one alone."""
    if hasattr(connection, "get_unverified_chain"):
        chain = connection.get_unverified_chain()
    else:
        own = connection.getpeercert(binary_form=True)
        chain = [own] if own else []
    return [ssl.DER_cert_to_PEM_cert(certificate) for certificate in chain]


def cipher_suite(connection: ssl.SSLObject) -> int | None:
    """The suite's number in the TLS registry."""
    used = connection.cipher()
    if used is None:
        return None
    for cipher in connection.context.get_ciphers():
        if cipher["name"] == used[0]:
            return int(cipher["id"]) & 0xFFFF
    return None


def distinguished_name(certificate: Any) -> str | None:
    """The subject as RFC 4514 writes it: the last part first."""
    parts = [
        "+".join(f"{SHORT.get(name, name)}={escape(value)}" for name, value in relative)
        for relative in certificate.get("subject", ())
    ]
    return ",".join(reversed(parts)) or None


def escape(value: str) -> str:
    """RFC 4514 2.4"""
    text = "".join(f"\\{char}" if char in '"+,;<>\\' else char for char in value)
    text = text.replace("\0", "\\00")
    if text[:1] in {" ", "#"}:
        text = f"\\{text}"
    if text.endswith(" ") and len(value) > 1:
        text = f"{text[:-1]}\\ "
    return text
