"""What every section is given, and how `--only` narrows it."""

import sys
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.rounds import Plan
from benchmarks.servers import Contestant

Named = TypeVar("Named")


@dataclass(frozen=True)
class Context:
    """The Python to measure, how long, and which contestants (all when `only` is empty)."""

    plan: Plan
    python: str = sys.executable
    only: tuple[str, ...] = ()

    def chosen(self, contestants: list[Contestant], baseline: str = "") -> list[Contestant]:
        return [each for each in contestants if each.name == baseline or self.wants(each.name)]

    def wants(self, name: str) -> bool:
        return not self.only or any(part in name for part in self.only)

    def first(self, items: list[Named], number: int) -> list[Named]:
        """All of them in a full run, so many in a quick one."""
        return items[:number] if self.plan.quick else items
