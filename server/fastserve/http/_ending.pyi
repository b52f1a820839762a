from typing_extensions import disjoint_base

from fastserve.http._wire import Wire

__all__ = ("Ending",)

@disjoint_base
class Ending(Wire):
    def abort(self) -> None: ...
    def drain(self) -> None: ...
    def sweep(self) -> None: ...
