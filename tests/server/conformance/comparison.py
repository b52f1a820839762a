"""What docs/conformance.md says of other servers, from what tests/compat/conformance.py found."""

import json
from pathlib import Path

from .choices import CHOICES, NAMES

RESULTS = Path(__file__).parents[2] / "compat" / "results.json"
OPTIONAL = "Extensions"  # no server must offer any of them
WAYS = {"bytewise": "byte by byte", "behind": "behind another request"}

TEXT = """\
## Other servers

{whole} of these cases were played against other servers too, on {date} with Python {python}, by
`python tests/compat/conformance.py` (which ids each server fails: `tests/compat/results.json`). Of
the others, {choices} ask for one of several things that the clause allows (below), {options} need
an option of fastserve's, and {apps} an application of their own or a Unix socket.

Judged is what the clause asks: a refusal may have any error as its status; a body may be framed in
any way; after an error that `send()` raises, the request may end; a connection may stay open behind
a 500, and end behind HTTP/1.0. A reset that swallows bytes behind a last answer does not count.

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
            yield row(title, ids, servers, "whole")
    required = [name for title, ids in topics.items() if title != OPTIONAL for name in ids]
    yield row("**together**", required, servers, "whole")
    for way, how in WAYS.items():
        ids = [name for ids in found["cases"][way].values() for name in ids]
        yield row(f"those with x3, {how}", ids, servers, way)
    if OPTIONAL in topics:
        yield row("extensions, which are optional", topics[OPTIONAL], servers, "whole")


def row(title, ids, servers, way):
    counts = [len(set(ids) - set(server["failed"][way])) for server in servers.values()]
    return f"| {title} | {len(ids)} | {' | '.join(map(str, counts))} |"


def choices():
    """What fastserve has chosen."""
    lines = ["\n## Choices\n", "Where a clause leaves a choice, or fastserve departs from it:\n"]
    for reason, names in CHOICES.items():
        lines.append(f"- {reason}: {', '.join(f'`{name}`' for name in names.split())}.")
    return "\n".join(lines) + "\n"
