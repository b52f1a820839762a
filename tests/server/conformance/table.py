"""All cases by topic; generates docs/conformance.md.

`python -m conformance.table` in tests/server writes it.
"""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[2]
if str(TESTS) not in sys.path:  # run by itself
    sys.path.insert(0, str(TESTS))

from http2 import page as http2_page  # noqa: E402

from . import (  # noqa: E402
    comparison,
    connections,
    deadlines,
    extensions,
    forms,
    kinds,
    lifespans,
    mistyped,
    receiving,
    refused,
    sending,
)

PAGE = Path(__file__).parents[3] / "docs" / "conformance.md"
TOPICS = {
    "Requests refused": refused,
    "Request forms and the scope": forms,
    "Receive": receiving,
    "Send": sending,
    "Types of what is sent": mistyped,
    "Extensions": extensions,
    "Connections and tasks": connections,
    "Deadlines": deadlines,
    "Lifespan": lifespans,
    "Kinds of applications": kinds,
}
CASES = [case for topic in TOPICS.values() for case in topic.CASES]
SOURCES = {
    "rfc9110": "https://www.rfc-editor.org/rfc/rfc9110#section-",
    "rfc9112": "https://www.rfc-editor.org/rfc/rfc9112#section-",
    "rfc9113": "https://www.rfc-editor.org/rfc/rfc9113#section-",
    "rfc9218": "https://www.rfc-editor.org/rfc/rfc9218#section-",
    "rfc8441": "https://www.rfc-editor.org/rfc/rfc8441#section-",
    "rfc7541": "https://www.rfc-editor.org/rfc/rfc7541#section-",
    "rfc6265": "https://www.rfc-editor.org/rfc/rfc6265#section-",
    "rfc6585": "https://www.rfc-editor.org/rfc/rfc6585#section-",
    "rfc8297": "https://www.rfc-editor.org/rfc/rfc8297#section-",
}
INTRODUCTION = """\
# Conformance

What RFC 9110 and RFC 9112 (HTTP/1.1) ask of an origin server, and what ASGI asks of a server, clause
by clause, each with its test. Each of the {count} cases talks to a running server over a socket, on
{{llhttp, h11}} x {{uvloop, asyncio}}, and nearly all are played without sockets too
(`tests/http1/test_played.py`). Those marked x3 must have the same outcome there when the request
arrives whole, byte by byte, and in one segment after another request. If a case does not end its
connection, the connection must then serve one more request.

    python -m pytest tests/server/conformance tests/http1/test_played.py -k ID

`python -m conformance.table`, run in tests/server, generates this page; a test keeps it current.

"""


def page():
    """The whole page."""
    parts = [INTRODUCTION.format(count=len(CASES)), comparison.section(CASES)]
    for title, topic in TOPICS.items():
        parts.append(f"\n## {title}\n\n| clause | what it asks | test |\n| --- | --- | --- |\n")
        parts += [row(case) for case in topic.CASES]
    parts.append(http2_page.section(row))
    return "".join(parts)


def row(case):
    asks = case.asks.replace("|", "\\|")
    ways = " x3" if len(getattr(case, "ways", ())) == 3 else ""
    return f"| {clause(case.id)} | {asks[0].upper()}{asks[1:]} | `{case.id}`{ways} |\n"


def clause(name):
    """The clause that the id begins with, as a link if there is one."""
    source, section = name.split("-")[:2]
    if source not in SOURCES:
        return "ASGI" if source == "asgi" else source
    return f"[RFC {source[3:]} {section}]({SOURCES[source]}{section})"


if __name__ == "__main__":
    sys.exit(PAGE.write_text(page()) == 0)
