"""All cases by topic, and docs/conformance.md, which is made of them.

`python -m conformance.table` in tests/server writes it.
"""

import sys
from pathlib import Path

from . import (
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
    "rfc6585": "https://www.rfc-editor.org/rfc/rfc6585#section-",
    "rfc8297": "https://www.rfc-editor.org/rfc/rfc8297#section-",
}
INTRODUCTION = """\
# Conformance

What HTTP/1.1 (RFC 9110 and 9112) asks of an origin server and ASGI asks of a server, clause by
clause, with the test that shows it. Each of the {count} cases talks to the running server over a
socket, on {{llhttp, h11}} x {{uvloop, asyncio}}; those marked x3 are played three times, whole,
byte by byte and in one segment behind another request, with the same outcome. After each case that
does not end the connection, the connection must serve one more request.

    python -m pytest tests/server/conformance -k ID

This page is made by `python -m conformance.table` in tests/server; a test keeps it true.

"""


def page():
    """The whole page."""
    parts = [INTRODUCTION.format(count=len(CASES)), comparison.section(CASES)]
    for title, topic in TOPICS.items():
        parts.append(f"\n## {title}\n\n| clause | what it asks | test |\n| --- | --- | --- |\n")
        parts += [row(case) for case in topic.CASES]
    return "".join(parts)


def row(case):
    asks = case.asks.replace("|", "\\|")
    ways = " x3" if len(case.ways) == 3 else ""
    return f"| {clause(case.id)} | {asks[0].upper()}{asks[1:]} | `{case.id}`{ways} |\n"


def clause(name):
    """What the id begins with, as a link where there is one."""
    source, section = name.split("-")[:2]
    if source not in SOURCES:
        return "ASGI" if source == "asgi" else source
    return f"[RFC {source[3:]} {section}]({SOURCES[source]}{section})"


if __name__ == "__main__":
    sys.exit(PAGE.write_text(page()) == 0)
