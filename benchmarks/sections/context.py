"""What every section is given, and how `--only` and `--load` narrow it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.load import Load
from benchmarks.rounds import Plan
from benchmarks.servers import Contestant

Named = TypeVar("Named")
AnyLoad = TypeVar("AnyLoad", bound=Load)


@dataclass(frozen=True)
class Context:
    """The Python to measure, how long, which contestants and loads (all where none is named)."""

    plan: Plan
    python: str = sys.executable
    only: tuple[str, ...] = ()
    under: tuple[str, ...] = ()

    def chosen(self, contestants: list[Contestant], baseline: str = "") -> list[Contestant]:
        return [each for each in contestants if each.name == baseline or self.wants(each.name)]

    def wants(self, name: str) -> bool:
        return not self.only or any(part in name for part in self.only)

    def loads(self, all_of_them: Sequence[AnyLoad], number: int) -> list[AnyLoad]:
        """Those named; if none is, all in a full run, so many in a quick one."""
        if self.under:
            return [load for load in all_of_them if any(part in load.title for part in self.under)]
        return self.first([*all_of_them], number)

    def first(self, items: list[Named], number: int) -> list[Named]:
        """All of them in a full run, so many in a quick one."""
        return items[:number] if self.plan.quick else items
