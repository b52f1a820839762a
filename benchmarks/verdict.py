"""Who brought the gain: each factor's share, over every order in which the factors can change."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

from benchmarks.results import Table

HALF = 0.5


@dataclass(frozen=True)
class Share:
    """A factor's part of a gain: least and greatest over the orders, and their mean (Shapley)."""

    low: float
    mean: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.0%} to {self.high:.0%} (mean {self.mean:.0%})"


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
        return "neither governs: it depends on the order of the changes"

    def __str__(self) -> str:
        return (
            f"{self.load}: from asyncio and {self.old_parser} ({self.before:.1f} us) to uvloop and "
            f"{self.new_parser} ({self.after:.1f} us), {self.before / self.after:.2f} times. "
            f"The parser brings {self.parser}, the loop {self.loop}: {self.winner}."
        )


def change(table: Table, old: str, new: str, server: str = "fastserve") -> Change | None:
    """The gain from {asyncio, old} to {uvloop, new}; None where a corner is missing."""

    def name(changed: frozenset[str]) -> str:
        parser = new if "parser" in changed else old
        return f"{server} {parser} {'uvloop' if 'loop' in changed else 'asyncio'}"

    corners = [frozenset(each) for each in ([], ["parser"], ["loop"], ["parser", "loop"])]
    costs = {corner: table.median(name(corner)) for corner in corners}
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


def server_change(table: Table) -> str:
    """What the code between parser and app brings: uvicorn to fastserve, both on httptools."""

    def cost(changed: frozenset[str]) -> float:
        server = "fastserve" if "server" in changed else "uvicorn"
        parser = "httptools" if "parser" in changed else "h11"
        loop = "uvloop" if "loop" in changed else "asyncio"
        found = table.median(f"{server} {parser} {loop}")
        if found is None:
            raise KeyError
        return found

    factors = ["loop", "parser", "server"]
    try:
        found = shares(factors, cost)
        before, after = cost(frozenset()), cost(frozenset(factors))
    except KeyError:
        return f"{table.title}: the share of the server's own code was not measured."
    return (
        f"{table.title}: from uvicorn, h11 and asyncio ({before:.1f} us) to fastserve, httptools "
        f"and uvloop ({after:.1f} us): the parser brings {found['parser']}, the server's own code "
        f"{found['server']}, the loop {found['loop']}."
    )


def conditions(changes: list[Change]) -> list[str]:
    """When which one governs, in microseconds: the loop's gain against the parser's."""
    words = []
    for each in changes:
        more = "more" if each.parser_us > each.loop_us else "less"
        words.append(
            f"{each.load}: exchanging {each.old_parser} for {each.new_parser} on uvloop saves "
            f"{each.parser_us:.1f} us a request, {more} than the {each.loop_us:.1f} us that uvloop "
            f"saves over asyncio under {each.new_parser}."
        )
    return words


def conclusion(changes: list[Change]) -> str:
    """One sentence over all loads and old parsers, true whatever the figures are."""
    if not changes:
        return "No verdict: no load has all four corners measured."
    by: dict[str, list[str]] = {}
    for each in changes:
        by.setdefault(each.winner, []).append(f"{each.load} against {each.old_parser}")
    return " ".join(
        f"In {len(cases)} of {len(changes)} cases {winner}: {'; '.join(cases)}."
        for winner, cases in sorted(by.items(), key=lambda item: -len(item[1]))
    )
