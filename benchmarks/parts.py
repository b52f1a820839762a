"""What the parts of a request cost in instructions: `python -m benchmarks.parts`.

The calls of data_received that guard.py counts, over a transport that does nothing, cut by
function: what callgrind counted in one with all that it called, without what another part of the
table stands for. Prints a table in Markdown.
"""

import re
from collections import Counter

import click

from benchmarks.guard import REPEAT, dumps
from benchmarks.machine import missing_tool

WORKS = {"tiny GET": "hot path, tiny GET", "browser GET": "hot path, browser GET"}
WHOLE = "Connection_5data_received"
# (part, the function whose cost it is, functions below it whose cost is another part's)
PARTS = [
    ("llhttp, spans to a `RequestHead`", "Connection_parse", ["Connection_on_head"]),
    ("scope and cycle", "Connection_on_head", []),
    ("calling the app, making its coroutine", "Cycle_start", []),
    ("stepping: task, context", "Connection_run_app", ["Cycle_start", "PyIter_Send"]),
    ("the app's own Python: two dicts, two awaits", "PyIter_Send", ["Response_1send"]),
    ("`send`, twice: head, framing, body", "Response_1send", []),
    ("one write", "Wire_flush", []),
    ("freeing the request", "Connection_end_exchange", []),
]
REFERENCE = re.compile(r"\((\d+)\)(?: (.*))?")


def below(dump: str) -> Counter[str]:
    """{function: instructions in it and in all that it called, however it was called}.

    Of functions that call themselves, however indirectly, the sum is more than that.
    """
    names: dict[str, str] = {}

    def name(value: str) -> str:  # a name has a number, by which alone it goes from then on
        found = REFERENCE.fullmatch(value)
        assert found, value
        return names.setdefault(found[1], found[2])

    found: Counter[str] = Counter()
    lines = iter(dump.splitlines())
    called = ""
    for line in lines:
        key, _, value = line.partition("=")
        if key == "fn":
            name(value)
        elif key == "cfn":
            called = name(value)
        elif key == "calls":
            found[called] += int(next(lines).split()[1])
    return found


def parts(dump: str, repeat: int) -> dict[str, int]:
    """Instructions of each part and of the whole, per request."""
    found = below(dump)

    def cost(symbol: str) -> float:
        seen = [count for name, count in found.items() if name.endswith(symbol)]
        if not seen:
            raise click.ClickException(f"callgrind saw no {symbol}: the compiler has inlined it")
        return sum(seen) / repeat

    costs = {part: cost(own) - sum(map(cost, others)) for part, own, others in PARTS}
    whole = cost(WHOLE)
    costs |= {"the rest": whole - sum(costs.values()), "**all**": whole}
    return {part: round(count) for part, count in costs.items()}


@click.command()
def main() -> None:
    """Count what each part of a request costs."""
    if reason := missing_tool("valgrind"):
        raise click.ClickException(f"{reason} (apt install valgrind)")
    written = dumps(REPEAT)
    counts = [parts(written[work], REPEAT) for work in WORKS.values()]
    click.echo(f"| part | {' | '.join(WORKS)} |\n| --- |{' --- |' * len(WORKS)}")
    for part in counts[0]:
        click.echo(f"| {part} | {' | '.join(f'{each[part]:,}' for each in counts)} |")


if __name__ == "__main__":
    main()
