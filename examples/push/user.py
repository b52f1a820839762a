"""Who a client is. This example believes what it is told: put your login here."""

import secrets
from urllib.parse import parse_qs

from examples.push.message import Invalid, checked_name


def query_of(scope) -> dict[str, str]:
    """The last value of each name in the query."""
    try:
        values = parse_qs(scope["query_string"].decode(), max_num_fields=20)
    except ValueError:
        raise Invalid("the query is not UTF-8, or too long") from None
    return {name: value[-1] for name, value in values.items()}


def header_of(scope, name: bytes) -> str:
    return next((v.decode("latin-1") for n, v in scope["headers"] if n == name), "")


def user_of(scope) -> str:
    name = query_of(scope).get("user")
    return checked_name(name, "user") if name else f"guest-{secrets.token_hex(2)}"


def is_same_origin(scope) -> bool:
    """False for what a page of another site makes its visitors' browsers send.

    A WebSocket, unlike fetch(), has no other protection against that (RFC 6455 10.2).
    """
    origin = header_of(scope, b"origin")
    return not origin or origin.partition("://")[2] == header_of(scope, b"host")
