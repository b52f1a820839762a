"""Range requests. RFC 9110 14."""

import re


class NotSatisfiable(Exception):
    """The range lies beyond the file."""


def parse_range(value: bytes, size: int) -> tuple[int, int] | None:
    """Start and count of `bytes=...` for a file of this size.

    None where the field is to be ignored: it is malformed, or asks for several ranges, for which a
    server may send the whole. Raises NotSatisfiable.
    """
    match = re.fullmatch(rb"bytes=[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*", value, re.IGNORECASE)
    first, last = match.groups() if match else (b"", b"")
    if not first and not last:
        return None
    if not first:  # the last so many bytes
        count = min(int(last), size)
        start = size - count
    else:
        start = int(first)
        end = min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return None
        count = end + 1 - start
    if count <= 0:
        raise NotSatisfiable
    return start, count
