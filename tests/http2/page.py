"""The HTTP/2 part of docs/conformance.md: cases by topic, and how other servers do."""

import json
from pathlib import Path

from .table import TOPICS, compared, is_compared

RESULTS = Path(__file__).parents[1] / "compat" / "results-http2.json"
OPTIONAL = {  # by the beginning of the ids: a server need not speak these
    "RFC 9218, priorities (optional)": "rfc9218-",
    "RFC 8441, WebSocket (optional)": "rfc8441-",
}

TEXT = """
## HTTP/2

What RFC 9113 (HTTP/2), RFC 7541 (field compression), RFC 9218 (priorities) and RFC 8441 (WebSocket)
ask of a server, with raw frames: {count} cases. Each is played without sockets whole and byte by
byte, and over sockets on uvloop and asyncio. If a case does not end its connection, the connection
must then serve one more request. Where the RFC leaves a choice (a stream error or a connection error;
a status or a reset) each of them passes.

    python -m pytest tests/http2/test_cases.py -k ID
"""
PEERS = """
## Other servers, HTTP/2

`python tests/compat/conformance_http2.py` played {played} of these cases against other servers too, on
{date} with Python {python}, by prior knowledge. `tests/compat/results-http2.json` lists the ids that
each server fails. The other cases ask for what the RFC only recommends or leaves open (marked *), or
stop the server. A generic error code passes in place of a specific one, and so does a close without
GOAWAY.

"""


def section(row):
    """Markdown; `row` gives the line of a case in a table."""
    count = sum(len(topic.CASES) for topic in TOPICS.values())
    parts = [TEXT.format(count=count), peers()]
    for title, topic in TOPICS.items():
        parts.append(f"\n## {title}\n\n| clause | what it asks | test |\n| --- | --- | --- |\n")
        parts += [mark(case, row(case)) for case in topic.CASES]
    return "".join(parts)


def mark(case, line):
    return line if is_compared(case) else line.replace("` |\n", "` * |\n")


def peers():
    """The table of other servers; empty before the first run."""
    if not RESULTS.exists():
        return ""
    found = json.loads(RESULTS.read_text())
    played = sum(len(ids) for ids in found["cases"].values())
    text = PEERS.format(played=played, date=found["date"], python=found["python"])
    return text + "\n".join(table(found)) + "\n"


def table(found):
    """A row for each topic, a column for each server."""
    servers = found["servers"]
    heads = [f"{name} {server['version']}" for name, server in servers.items()]
    yield f"| cases passed | of | {' | '.join(heads)} |"
    yield "| --- " * (len(heads) + 2) + "|"
    every = [name for ids in found["cases"].values() for name in ids]
    required = [name for name in every if not name.startswith(tuple(OPTIONAL.values()))]
    for title, ids in found["cases"].items():
        part = [name for name in ids if name in required]
        if part:
            yield line(title.removeprefix("HTTP/2: "), part, servers)
    yield line("**all**", required, servers)
    for title, begin in OPTIONAL.items():
        yield line(title, [name for name in every if name.startswith(begin)], servers)


def line(title, ids, servers):
    counts = [len(set(ids) - set(server["failed"])) for server in servers.values()]
    return f"| {title} | {len(ids)} | {' | '.join(map(str, counts))} |"


def played():
    """The ids that other servers were judged by."""
    return {case.id for _, part in compared() for case in part}
