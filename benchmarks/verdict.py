"""Who brought the gain, the parser or the loop: its share, whichever is exchanged first."""

from typing import NamedTuple

from benchmarks.results import Table, number

HALF = 0.5
OLD_PARSERS = ("h11", "httptools")


class Corners(NamedTuple):
    """Loop and parser exchanged under the same server code: what a request costs at each corner."""

    before: float  # asyncio and the old parser
    parser_only: float
    loop_only: float
    after: float  # uvloop and llhttp

    def shares(self) -> list[float]:
        """The parser's share of the gain, least and greatest: it depends on which goes first."""
        saved = (self.before - self.parser_only, self.loop_only - self.after)
        return sorted(each / (self.before - self.after) for each in saved)

    def winner(self) -> str:
        low, high = self.shares()
        if low > HALF:
            return "the parser governs"
        return "the loop governs" if high < HALF else "neither governs: the order decides"


def corners(table: Table, old: str, key: str) -> Corners | None:
    """From {asyncio, old} to {uvloop, llhttp}; None where one is missing or nothing is gained."""
    order = [("asyncio", old), ("asyncio", "llhttp"), ("uvloop", old), ("uvloop", "llhttp")]
    found = [table.median(f"fastserve {parser} {loop}", key) for loop, parser in order]
    costs = [cost for cost in found if cost is not None]
    return Corners(*costs) if len(costs) == len(order) and costs[0] > costs[-1] else None


def words(tables: list[Table], key: str, unit: str) -> list[str]:
    """What is true of all loads, for each parser that was exchanged; whatever the figures are."""
    said = []
    for old in OLD_PARSERS:
        cases = {table.title: found for table in tables if (found := corners(table, old, key))}
        if not cases:
            continue
        by: dict[str, list[str]] = {}
        for load, each in cases.items():
            by.setdefault(each.winner(), []).append(load)
        parts = [
            winner + (" under every load" if len(by) == 1 else f" ({', '.join(loads)})")
            for winner, loads in by.items()
        ]
        times = span([each.before / each.after for each in cases.values()])
        share = span([100 * share for each in cases.values() for share in each.shares()])
        parser = span([each.loop_only - each.after for each in cases.values()])
        loop = span([each.parser_only - each.after for each in cases.values()])
        more = [load for load, each in cases.items() if each.parser_only > each.loop_only]
        said += [
            f"From asyncio and {old} to uvloop and llhttp, a request takes {times} times less CPU; "
            f"{share}% of that is the parser's: {'; '.join(parts)}.",
            f"On uvloop, llhttp instead of {old} saves {parser} {unit} a request; under llhttp, "
            f"uvloop instead of asyncio saves {loop}. The loop saves more under "
            f"{', '.join(more) or 'none of the loads'}.",
        ]
    return said or ["No verdict: no load has all four corners measured."]


def span(values: list[float]) -> str:
    low, high = number(min(values)), number(max(values))
    return low if low == high else f"{low} to {high}"
