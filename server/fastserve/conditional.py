"""Conditional and range requests for a file: RFC 9110 13 and 14."""

import email.utils
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

ETAG = re.compile(rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')  # RFC 9110 8.8.3
RANGE = re.compile(rb"bytes[ \t]*=[ \t]*(\d{0,20})-(\d{0,20})[ \t]*", re.IGNORECASE)
DATE_BYTES = 64  # the longest form of RFC 9110 5.6.7 has 33

Fields = Mapping[bytes, bytes]  # a request's, lines of the same name in one


@dataclass(frozen=True)
class Validators:
    """What tells one version of a file from another: a strong ETag, and seconds since 1970."""

    etag: bytes
    modified: int


def status_of(fields: Fields, found: Validators) -> int:
    """304 or 412 where a precondition of a GET or a HEAD says so, otherwise 200.

    The order is that of RFC 9110 13.2.2.
    """
    if (wanted := fields.get(b"if-match")) is not None:
        if not names(wanted, found.etag, weak=False):
            return 412
    elif (limit := date(fields.get(b"if-unmodified-since"))) is not None and found.modified > limit:
        return 412
    if (known := fields.get(b"if-none-match")) is not None:
        return 304 if names(known, found.etag, weak=True) else 200
    since = date(fields.get(b"if-modified-since"))
    return 304 if since is not None and found.modified <= since else 200


def names(value: bytes, etag: bytes, *, weak: bool) -> bool:
    """Whether a list of ETags has this one; a weak one counts if the comparison is weak."""
    if value.strip(b" \t") == b"*":
        return True
    return any(each == etag or (weak and each == b"W/" + etag) for each in ETAG.findall(value))


def part_of(fields: Fields, found: Validators, size: int, now: float) -> range | None:
    """The bytes that Range asks for; an empty range if the file has none of them.

    None stands for the whole: no Range, one that is not valid, several ranges in one (RFC 9110
    14.2 lets a server ignore those), or another version than If-Range names.
    """
    match = RANGE.fullmatch(fields.get(b"range", b"").strip(b" \t"))
    if match is None or not is_same(fields.get(b"if-range"), found, now):
        return None
    first, last = match.groups()
    if not first:  # the last so many bytes
        if not last:
            return None
        return range(max(size - int(last), 0), size) if int(last) else range(0)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1 if last else size, size))


def is_same(condition: bytes | None, found: Validators, now: float) -> bool:
    """Whether the client's part is of this version. RFC 9110 13.1.5: strong validators alone."""
    if condition is None:
        return True
    condition = condition.strip(b" \t")
    if ETAG.fullmatch(condition):
        return condition == found.etag
    # RFC 9110 8.8.2.2: the file may have changed twice in a second that has not passed yet.
    return date(condition) == found.modified and now - found.modified >= 1


def date(value: bytes | None) -> int | None:
    """Seconds since 1970 of a date in any of the forms of RFC 9110 5.6.7; None if it is not one."""
    if value is None or len(value) > DATE_BYTES:
        return None
    try:
        parts = email.utils.parsedate_tz(value.decode("ascii"))
        return None if parts is None else int(email.utils.mktime_tz(parts))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


@functools.lru_cache(1024)
def formatted(seconds: int) -> bytes:
    """A date as RFC 9110 5.6.7 wants it."""
    return email.utils.formatdate(seconds, usegmt=True).encode("ascii")
