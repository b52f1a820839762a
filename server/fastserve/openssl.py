"""What OpenSSL offers and Python's ssl does not: TLS 1.3 cipher suites, keys of session tickets,
and calls from C (asgi/_tls.pyx).

All need the SSL_CTX that an SSLContext holds. Nothing says where it is, so it is proved each time:
what the pointer after the object's head leads to must have the address of OpenSSL's own method
table in its first two words, as an SSL_CTX has. Reading there by write(2) cannot crash.
"""

import ctypes
import functools
import os
import ssl
import sys
from collections.abc import Iterable

TICKET_KEYS = 59  # SSL_CTRL_SET_TLSEXT_TICKET_KEYS
TICKET_KEY_BYTES = 80  # name, HMAC key and AES key; the size since OpenSSL 1.1.1
WORD = ctypes.sizeof(ctypes.c_void_p)


class NotAvailable(Exception):
    """This Python or its OpenSSL has it not, or not where it is expected."""


@functools.cache
def library() -> ctypes.CDLL:
    """libssl and libcrypto as the ssl module has loaded them. Raises NotAvailable."""
    try:
        import _ssl

        found = ctypes.CDLL(getattr(_ssl, "__file__", None))
        found.TLS_method.restype = found.TLS_server_method.restype = ctypes.c_void_p
        found.SSL_CTX_set_ciphersuites.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        found.SSL_CTX_ctrl.restype = ctypes.c_long
        found.SSL_CTX_ctrl.argtypes = [
            ctypes.c_void_p,
            ctypes.c_int,
            ctypes.c_long,
            ctypes.c_char_p,
        ]
        found.ERR_clear_error.restype = None
    except (ImportError, OSError, AttributeError) as error:
        raise NotAvailable(f"the functions of OpenSSL cannot be reached ({error})") from None
    return found


def addresses_of(names: Iterable[str]) -> list[int]:
    """Where these functions are. Raises NotAvailable."""
    found = library()
    try:
        return [ctypes.cast(getattr(found, name), ctypes.c_void_p).value or 0 for name in names]
    except AttributeError as error:
        raise NotAvailable(f"a function of OpenSSL cannot be reached ({error})") from None


def read_memory(address: int, count: int) -> bytes:
    """The bytes there, at most as many as a pipe holds. Raises OSError where there is no memory."""
    write = ctypes.CDLL(None, use_errno=True).write
    write.restype, write.argtypes = (
        ctypes.c_ssize_t,
        [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t],
    )
    reader, writer = os.pipe()
    try:
        if write(writer, address, count) != count:
            raise OSError(ctypes.get_errno(), "cannot read memory")
        return os.read(reader, count)
    finally:
        os.close(reader)
        os.close(writer)


def words(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + WORD], sys.byteorder) for at in range(0, len(data), WORD)]


def pointer_of(context: ssl.SSLContext) -> int:
    """The address of its SSL_CTX. Raises NotAvailable."""
    found = library()
    head = object.__basicsize__
    if ssl.SSLContext.__basicsize__ < head + WORD:
        raise NotAvailable("an SSLContext of this Python is too small")
    try:
        # The object's own memory, which is as long as was just checked.
        (address,) = words(read_memory(id(context) + head, WORD))
        first = words(read_memory(address, 2 * WORD))
    except OSError:
        first = []
    if not {found.TLS_method(), found.TLS_server_method()}.intersection(first):
        raise NotAvailable("an SSLContext of this Python is laid out in another way")
    return address


def set_ciphersuites(context: ssl.SSLContext, names: str) -> None:
    """The cipher suites of TLS 1.3. Raises NotAvailable, and ValueError for an unknown one."""
    if hasattr(context, "set_ciphersuites"):  # Python 3.15 and later
        try:
            context.set_ciphersuites(names)
        except ssl.SSLError as error:
            raise ValueError(str(error)) from None
    else:
        address = pointer_of(context)
        library().SSL_CTX_set_ciphersuites(address, names.encode("latin-1", "replace"))
        library().ERR_clear_error()  # or the ssl module would find it later
    known = {cipher["name"] for cipher in context.get_ciphers()}
    wrong = [name for name in names.split(":") if name not in known]
    if wrong:
        raise ValueError(f"OpenSSL does not have {', '.join(wrong)}")


def set_ticket_key(context: ssl.SSLContext, key: bytes) -> None:
    """Encrypt the session tickets of this context so. Raises NotAvailable."""
    address = pointer_of(context)
    control = library().SSL_CTX_ctrl
    if control(address, TICKET_KEYS, 0, None) != TICKET_KEY_BYTES:
        raise NotAvailable("this OpenSSL has ticket keys of another size")
    if len(key) != TICKET_KEY_BYTES or control(address, TICKET_KEYS, len(key), key) != 1:
        library().ERR_clear_error()
        raise NotAvailable("OpenSSL does not take the key")
