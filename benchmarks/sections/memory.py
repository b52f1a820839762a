"""The memory of idle connections: a fresh server, before and after they came."""

from benchmarks.load import Http, Load, LoadError
from benchmarks.process import Process
from benchmarks.results import Row, Section, Table, figure
from benchmarks.rounds import Plan
from benchmarks.sections import websocket
from benchmarks.servers import ASGI, Contestant, fleet

WARM = 64  # connections that come first, so that what a server makes once is not counted


def run(plan: Plan) -> Section:
    section = Section("memory", "Idle connections")
    echo, broadcast = websocket.echo_load(32), websocket.broadcast_load(15_000)
    two = [websocket.SANSIO, websocket.OURS]
    cases: list[tuple[str, int, Load, list[Contestant]]] = [
        *(("idle HTTP", number, Http("GET"), ASGI) for number in (64, 1000, 10_000)),
        ("idle WebSockets", 1000, echo, [*two, *websocket.RIVALS]),
        ("WebSockets, one broadcasts", 15_000, broadcast, two),
    ]
    for title, number, load, contestants in cases:
        table = Table(f"{number:,} {title}", [], "connection")
        chosen = [each for each in contestants if plan.wants(each.name)]
        with fleet(chosen) as (servers, left_out):
            section.left_out.update(left_out)
            table.rows += [
                idle_row(name, server, load, number, plan.seconds)
                for name, server in servers.items()
            ]
        section.tables.append(table)
    return section


def idle_row(name: str, server: Process, load: Load, number: int, seconds: float = 0) -> Row:
    """Bytes and CPU of a connection that has had one answer and waits; then messages over them."""
    server.resume()
    try:
        messages = load.checked(server.port)
        with messages.open(server.port, WARM) as first:
            first.run(0)
            memory, cpu = server.memory_bytes(), server.cpu_seconds()
            with messages.open(server.port, number) as session:
                opened = session.run(0)
                used = server.cpu_seconds() - cpu
                each = (server.memory_bytes() - memory) / number
                later = session.run(seconds)
                sent = server.cpu_seconds() - cpu - used
    except LoadError as error:
        return Row(name, note=f"left out: {error}")
    finally:
        server.pause()
    if errors := opened.errors + later.errors:
        return Row(name, note=f"refused: {errors} requests failed")
    found = {
        "bytes": each,
        "open_us": used / number * 1e6,
        "message_us": sent / later.requests * 1e6,
    }
    return Row(name, {key: figure([value]) for key, value in found.items()})
