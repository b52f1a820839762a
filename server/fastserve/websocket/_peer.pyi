from typing_extensions import disjoint_base

from fastserve.websocket._link import Link

__all__ = ["Peer"]

@disjoint_base
class Peer(Link): ...
