import ssl
from asyncio import BaseProtocol, BufferedProtocol, Future
from collections.abc import Callable
from typing import Any

from typing_extensions import disjoint_base

__all__ = ("NAMES", "Buffers", "Negotiated", "TLSTransport", "bind")

NAMES: tuple[str, ...]

def bind(addresses: list[int]) -> None: ...
