"""Who brought the gain: each factor's share, over every order in which the factors can change."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

from benchmarks.results import Figure, Row, Table

HALF = 0.5


@dataclass(frozen=True)
class Share:
    """A factor's part of a gain: least and greatest over the orders, and their mean (Shapley)."""

    low: float
    mean: float
    high: float


def shares(factors: list[str], cost: Callable[[frozenset[str]], float]) -> dict[str, Share]:
    """`cost(changed)` is the cost once those factors are changed; shares of the whole gain."""
    whole = cost(frozenset()) - cost(frozenset(factors))
    brought: dict[str, list[float]] = {factor: [] for factor in factors}
    for order in permutations(factors):
        changed: frozenset[str] = frozenset()
        for factor in order:
            after = changed | {factor}
            brought[factor].append((cost(changed) - cost(after)) / whole)
            changed = after
    return {
        factor: Share(min(values), sum(values) / len(values), max(values))
        for factor, values in brought.items()
    }


@dataclass(frozen=True)
class Change:
    """Loop and parser changed under the same server code; costs in us of CPU a request."""

    load: str
    old_parser: str
    new_parser: str
    before: float
    after: float
    parser: Share
    loop: Share
    parser_us: float  # what the parser brings on uvloop
    loop_us: float  # what the loop brings under the new parser

    @property
    def winner(self) -> str:
        if self.parser.low > HALF:
            return "the parser governs"
        if self.loop.low > HALF:
            return "the loop governs"
        return "neither governs: who brings more depends on the order"

    def row(self) -> Row:
        """A row of the table of shares, in per cent; the range is that of the orders."""
        name = f"{self.load}: asyncio, {self.old_parser} to uvloop, {self.new_parser}"
        return _share_row(name, self.before, self.after, {"parser": self.parser, "loop": self.loop})


def _share_row(name: str, before: float, after: float, found: dict[str, Share]) -> Row:
    row = Row(name)
    row.figures["before_us"] = Figure(before, before, before)
    row.figures["after_us"] = Figure(after, after, after)
    for factor, share in found.items():
        values = (100 * part for part in (share.mean, share.low, share.high))
        row.figures[f"{factor}_share"] = Figure(*values)
    return row


def change(
    table: Table, old: str, new: str, server: str = "fastserve", key: str = "cpu_us"
) -> Change | None:
    """The gain from {asyncio, old} to {uvloop, new}; None where a corner is missing."""

    def name(changed: frozenset[str]) -> str:
        parser = new if "parser" in changed else old
        return f"{server} {parser} {'uvloop' if 'loop' in changed else 'asyncio'}"

    corners = [frozenset(each) for each in ([], ["parser"], ["loop"], ["parser", "loop"])]
    costs = {corner: table.median(name(corner), key) for corner in corners}
    known = {corner: cost for corner, cost in costs.items() if cost is not None}
    neither, parser, loop, both = corners
    if len(known) < len(corners) or known[neither] <= known[both]:
        return None
    found = shares(["parser", "loop"], known.__getitem__)
    return Change(
        load=table.title,
        old_parser=old,
        new_parser=new,
        before=known[neither],
        after=known[both],
        parser=found["parser"],
        loop=found["loop"],
        parser_us=known[loop] - known[both],
        loop_us=known[parser] - known[both],
    )


def server_change(table: Table) -> Row:
    """What the code between parser and app brings: uvicorn to fastserve, up to httptools."""

    def cost(changed: frozenset[str]) -> float:
        server = "fastserve" if "server" in changed else "uvicorn"
        parser = "httptools" if "parser" in changed else "h11"
        loop = "uvloop" if "loop" in changed else "asyncio"
        found = table.median(f"{server} {parser} {loop}")
        if found is None:
            raise KeyError
        return found

    name = f"{table.title}: uvicorn, asyncio, h11 to fastserve, uvloop, httptools"
    factors = ["parser", "loop", "server"]
    try:
        found = shares(factors, cost)
        return _share_row(name, cost(frozenset()), cost(frozenset(factors)), found)
    except KeyError:
        return Row(name, refused="not measured")


def conclusion(changes: list[Change]) -> list[str]:
    """What is true of all loads, for each parser that was exchanged; whatever the figures are."""
    words = []
    for old in dict.fromkeys(each.old_parser for each in changes):
        cases = [each for each in changes if each.old_parser == old]
        by: dict[str, list[str]] = {}
        for each in cases:
            by.setdefault(each.winner, []).append(each.load)
        parts = [
            winner + (" under every load" if len(by) == 1 else f" ({', '.join(loads)})")
            for winner, loads in by.items()
        ]
        times = span([each.before / each.after for each in cases], 2)
        words.append(
            f"From asyncio and {old} to uvloop and {cases[0].new_parser}, {times} times faster: "
            f"{'; '.join(parts)}."
        )
    return words or ["No verdict: no load has all four corners measured."]


def conditions(changes: list[Change]) -> list[str]:
    """When the loop governs instead: what each saves, in microseconds of a request."""
    words = []
    for old in dict.fromkeys(each.old_parser for each in changes):
        cases = [each for each in changes if each.old_parser == old]
        loop = [each.load for each in cases if each.loop_us > each.parser_us]
        words.append(
            f"On uvloop, {cases[0].new_parser} instead of {old} saves "
            f"{span([each.parser_us for each in cases])} us a request; under "
            f"{cases[0].new_parser}, uvloop instead of asyncio saves "
            f"{span([each.loop_us for each in cases])} us. The loop saves more under "
            f"{', '.join(loop) if loop else 'none of the loads'}."
        )
    return words


def span(values: list[float], digits: int = 1) -> str:
    low, high = (f"{each:.{digits}f}" for each in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
