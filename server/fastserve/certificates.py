"""Loading a certificate and its key, with clear words for what is wrong with them."""

import contextlib
import itertools
import logging
import os
import re
import ssl
import stat
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from .errors import ConfigError
from .tickets import Tickets
from .tls_options import Pair

logger = logging.getLogger("fastserve")

PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
LOCKED = re.compile(r"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED", re.MULTILINE)


class ServerContext(ssl.SSLContext):
    """Knows the certificate that it presents."""

    certificate: str | None = None  # PEM
    tickets: Tickets | None = None

    def load_cert_chain(self, certfile: Any, *args: Any, **kwargs: Any) -> None:
        super().load_cert_chain(certfile, *args, **kwargs)
        with contextlib.suppress(OSError):
            found = PEM.search(read(certfile))
            self.certificate = f"{found[0]}\n" if found else None


def read(path: str | bytes | os.PathLike[str]) -> str:
    """Empty for a pipe, such as the shell's <(command): it can be read once, and OpenSSL has."""
    if stat.S_ISFIFO(os.stat(path).st_mode):
        return ""
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def load(context: ssl.SSLContext, pair: Pair, password: str | None) -> None:
    """Have the context present this certificate. Raises ConfigError, and warns in the log."""
    # A password, even an empty one, keeps OpenSSL from asking for one on the terminal.
    ask = (password or "").encode
    try:
        context.load_cert_chain(pair.certfile, pair.keyfile, ask)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise reason(error, pair, password) from error
    with contextlib.suppress(OSError):
        warn_of(pair.certfile, PEM.findall(read(pair.certfile)))


def reason(error: Exception, pair: Pair, password: str | None) -> ConfigError:
    """What a person has to do about it."""
    keyfile = pair.keyfile or pair.certfile
    key_option = pair.key_option if pair.keyfile else pair.option
    for option, path in ((pair.option, pair.certfile), (key_option, keyfile)):
        try:
            read(path)
        except OSError as found:
            return ConfigError(
                option, f"cannot load {path}: [Errno {found.errno}] {found.strerror}"
            )
    chain, key = PEM.findall(read(pair.certfile)), read(keyfile)
    mismatch = getattr(error, "reason", "") == "KEY_VALUES_MISMATCH"
    option, problem = pair.option, f"cannot load {' and '.join(pair.files)}: {error}"
    if not chain:
        problem = f"cannot load {pair.certfile}: no certificate in it (PEM)"
    elif not KEY.search(key):
        option, problem = pair.key_option, f"cannot load {keyfile}: no private key in it (PEM)"
        if pair.keyfile is None:
            problem = f"{pair.certfile} has no private key; name the file that has it"
    elif LOCKED.search(key) and not password:
        option = pair.key_option
        problem = f"{keyfile} is encrypted; give its password with --ssl-keyfile-password"
    elif mismatch:
        option = pair.key_option
        problem = f"the key in {keyfile} is not that of the certificate in {pair.certfile}"
        for number, certificate in enumerate(chain[1:], 2):
            if belongs(certificate, keyfile, (password or "").encode):
                option = pair.option
                problem = (
                    f"certificate {number} in {pair.certfile} is that of the key; put it first"
                )
    elif LOCKED.search(key):
        option, problem = "ssl_keyfile_password", f"does not open {keyfile} ({error})"
    return ConfigError(option, problem)


@contextlib.contextmanager
def file_of(certificate: str) -> Iterator[str]:
    """The ssl module reads files alone; where this one is, nothing need be writable."""
    with open_scratch() as file:
        file.write(f"{certificate}\n".encode())
        file.seek(0)
        yield f"/dev/fd/{file.fileno()}"


def open_scratch() -> BinaryIO:
    """A file without a name."""
    with contextlib.suppress(AttributeError, OSError):  # Linux alone has it, and may forbid it
        return open(os.memfd_create("certificate"), "w+b")
    import tempfile  # slow to import

    return cast(BinaryIO, tempfile.TemporaryFile())


def belongs(certificate: str, keyfile: str, ask: Callable[[], bytes]) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with contextlib.suppress(OSError), file_of(certificate) as path:
        context.load_cert_chain(path, keyfile, ask)
        return True
    return False


def decode(certificate: str) -> dict[str, Any]:
    """What it says; empty if this Python cannot tell."""
    try:
        import _ssl  # its parser is the only one in the standard library

        parser: Any = _ssl
        with file_of(certificate) as path:
            return dict(parser._test_decode_cert(path))
    except (AttributeError, ImportError, OSError, ValueError):
        return {}


def names_in(certificate: str) -> list[str]:
    """The DNS names that a certificate is for, in lower case. RFC 9525 6.3"""
    alternatives = decode(certificate).get("subjectAltName", ())
    return [value.lower() for kind, value in alternatives if kind == "DNS"]


def warn_of(certfile: str, chain: list[str]) -> None:
    """Log what clients will refuse, though it can be loaded."""
    decoded = [decode(certificate) for certificate in chain]
    for number, found in enumerate(decoded, 1):
        which = certfile if len(chain) == 1 else f"{certfile}, certificate {number},"
        if found and ssl.cert_time_to_seconds(found["notAfter"]) <= time.time():
            logger.warning("%s expired on %s", which, found["notAfter"])
        elif found and ssl.cert_time_to_seconds(found["notBefore"]) > time.time():
            logger.warning("%s is not valid before %s", which, found["notBefore"])
    for number, (found, issuer) in enumerate(itertools.pairwise(decoded), 1):
        if found and issuer and found["issuer"] != issuer["subject"]:
            logger.warning(
                "%s: certificate %d is not the issuer of certificate %d; the order is the server's "
                "own certificate, its issuer, and so on",
                certfile,
                number + 1,
                number,
            )
            return
