"""The memory of idle connections: a fresh server, before and after they came."""

from benchmarks.load import Load, LoadError, Wrk
from benchmarks.process import Process
from benchmarks.results import Row, Table
from benchmarks.rounds import figure
from benchmarks.sections.context import Context
from benchmarks.servers import Contestant, fleet

WARM = 64  # connections that come first, so that what a server makes once is not counted


def memory_table(title: str, load: Load, contestants: list[Contestant], context: Context) -> Table:
    """Bytes of resident memory per connection that has had one answer and waits."""
    table = Table(title, [], "connection")
    with fleet(contestants, context.python) as (servers, _):
        for name, server in servers.items():
            server.resume()
            table.rows.append(_row(name, server, load))
            server.pause()
    return table


def _row(name: str, server: Process, load: Load) -> Row:
    row = Row(name)
    try:
        if isinstance(load, Wrk):
            load = load.for_own_client(server.port)
        with load.open(server.port, connections=WARM) as first:
            first.run(0)
            before = server.memory_bytes()
            with load.open(server.port) as session:
                errors = session.run(0).errors
                each = (server.memory_bytes() - before) / load.connections
                errors += session.run(0).errors
    except LoadError as error:
        row.refused = f"left out: {error}"
        return row
    row.figures["bytes"] = figure([each])
    if errors:
        row.notes.append(f"{errors} of {2 * load.connections} requests failed")
    else:
        row.notes.append(f"{load.connections:,} requests over them afterwards, no error")
    return row
