"""The section of docs/conformance.md about other servers, from tests/compat/results.json."""

import json
from pathlib import Path

from .choices import CHOICES, NAMES

RESULTS = Path(__file__).parents[2] / "compat" / "results.json"
OPTIONAL = "Extensions"  # a server need not support them
WAYS = {"bytewise": "byte by byte", "behind": "after another request"}

TEXT = """\
## Other servers

`python tests/compat/conformance.py` played {whole} of these cases against other servers too, on
{date} with Python {python}. `tests/compat/results.json` lists the ids that each server fails. Of the
other cases, {choices} ask for one of several things that the clause allows (see Choices), {options}
need an option of fastserve, and {apps} need an application of their own or a Unix socket.

Only what the clause asks is judged: a refusal may have any error status; a body may be framed in any
way; the request may end after an error that `send()` raises; a connection may stay open after a 500,
and close after a response to HTTP/1.0. A reset that loses bytes after the last response does not
count. Node, Go and nginx have no ASGI: a program that reads the body and answers plays the cases in
which the server must refuse the request.

"""


def section(cases):
    """The whole section; empty before the first run."""
    if not RESULTS.exists():
        return ""
    found = json.loads(RESULTS.read_text())
    whole = sum(len(ids) for ids in found["cases"]["whole"].values())
    text = TEXT.format(
        whole=whole,
        date=found["date"],
        python=found["python"],
        choices=len(NAMES),
        options=sum(bool(case.options) for case in cases if case.id not in NAMES),
        apps=sum(case.local and not case.options for case in cases if case.id not in NAMES),
    )
    return text + "\n".join(table(found)) + "\n" + choices()


def table(found):
    """Markdown: a row for each topic, a column for each server."""
    servers = found["servers"]
    heads = [f"{name} {server['version']}" for name, server in servers.items()]
    yield f"| cases passed | of | {' | '.join(heads)} |"
    yield "| --- " * (len(heads) + 2) + "|"
    topics = found["cases"]["whole"]
    for title, ids in topics.items():
        if title != OPTIONAL:
            yield row(title, ids, servers, "whole", title)
    required = [name for title, ids in topics.items() if title != OPTIONAL for name in ids]
    yield row("**all**", required, servers, "whole")
    for way, how in WAYS.items():
        ids = [name for ids in found["cases"][way].values() for name in ids]
        yield row(f"those marked x3, {how}", ids, servers, way)
    if OPTIONAL in topics:
        yield row("extensions (optional)", topics[OPTIONAL], servers, "whole")


def row(title, ids, servers, way, topic=""):
    """A dash for a server that plays another topic only."""
    counts = [
        len(set(ids) - set(server["failed"][way])) if server.get("topic", topic) == topic else "-"
        for server in servers.values()
    ]
    return f"| {title} | {len(ids)} | {' | '.join(map(str, counts))} |"


def choices():
    """The choices of fastserve."""
    lines = ["\n## Choices\n", "Where a clause leaves a choice, or fastserve deviates from it:\n"]
    for reason, names in CHOICES.items():
        lines.append(f"- {reason}: {', '.join(f'`{name}`' for name in names.split())}.")
    return "\n".join(lines) + "\n"
