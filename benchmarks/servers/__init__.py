"""The contestants: one row each says how it is started and what it needs to be installed."""

from benchmarks.servers.contestant import Contestant, fleet

__all__ = ["Contestant", "fleet"]
