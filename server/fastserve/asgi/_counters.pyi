from typing import Any, final

from typing_extensions import Buffer

__all__ = (
    "COUNTERS_SIZE",
    "DURATION_BOUNDS",
    "LAG_BOUNDS",
    "METHOD_NAMES",
    "REFUSAL_STATUSES",
    "STATUS_NAMES",
    "Counters",
)

COUNTERS_SIZE: int
DURATION_BOUNDS: tuple[float, ...]
LAG_BOUNDS: tuple[float, ...]
METHOD_NAMES: tuple[str, ...]
REFUSAL_STATUSES: tuple[int, ...]
STATUS_NAMES: tuple[str, ...]

@final
class Counters:
    def __new__(cls, memory: Buffer) -> Counters: ...
    def read(self) -> dict[str, dict[str, Any]]: ...
    def add_totals(self, other: Counters) -> None: ...
    def add(self, other: Counters) -> None: ...
    def clear(self) -> None: ...
