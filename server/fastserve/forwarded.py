"""The elements of a Forwarded header, from the nearest proxy's on (RFC 7239)."""

import re
from collections.abc import Iterator

MOST_COMMAS = 16  # in the quoted strings of one element
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# RFC 7239 4 wants quotes around `192.0.2.1:80` and `[2001:db8::1]`; not every proxy sends them.
VALUE = r'[^\s",;\\]+|"(?:[^"\\]|\\.)*"'
PAIR = re.compile(rf"[ \t]*({TOKEN})=({VALUE})[ \t]*(?:;|\Z)")
ESCAPED = re.compile(r"\\(.)")


def elements(field: str) -> Iterator[dict[str, str]]:
    """Parameters with lower-case names, the last element first, as far as they are valid.

    Reading from the end on, because the start may be a client's invention: with a quote that it
    does not close, it would swallow what the proxies add. Of several ways to read an element the
    shortest is the only one that can be right: a comma inside a quoted string leaves an odd number
    of quotes behind it.
    """
    rest = field
    while rest:
        found, cut = None, len(rest)
        for _ in range(MOST_COMMAS + 1):
            cut = rest.rfind(",", 0, cut)
            text = rest[cut + 1 :].strip(" \t")
            found = parameters(text) if text else {}
            if found is not None or cut < 0:
                break
        if found is None:
            return
        if found:
            yield found
        rest = rest[:cut] if cut >= 0 else ""


def parameters(element: str) -> dict[str, str] | None:
    """None if it is not an element; a name stands in it once."""
    found: dict[str, str] = {}
    at = 0
    while at < len(element):
        if element[at] in "; \t":
            at += 1
            continue
        pair = PAIR.match(element, at)
        if pair is None or pair[1].lower() in found:
            return None
        found[pair[1].lower()] = unquote(pair[2])
        at = pair.end()
    return found


def unquote(value: str) -> str:
    return ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value
