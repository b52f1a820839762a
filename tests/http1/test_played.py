"""The conformance cases over the fake transport: whole, byte by byte, and cut at every point.

What needs a socket, a thread or a server of its own is left to tests/server/conformance.
"""

import functools

import pytest
from conformance import lifespans
from conformance.cases import WAYS, Exchange
from conformance.table import CASES

from .carrier import Peer

NEED_SOCKETS = {
    "asgi-http-server-unix",  # listens on one
    "rfc9112-9.8-tls",
    "anyio-thread",  # threads
    "asgi-app-wsgi",
    "asgi-app-wsgi-stream",
    "asgi-app-starlette-stream",
    "asgi-app-django",
}
PLAYED = [case for case in CASES if case.id not in NEED_SOCKETS and case not in lifespans.CASES]
MOST_CUTS = 100  # of one request
LARGE = 100_000  # bytes of an answer that is worth waiting for once


def points(data, stop):
    """Where to cut: everywhere, or at so many points in even distances, the last ones included."""
    if stop <= MOST_CUTS:
        return range(1, stop)
    return sorted({1, 2, *range(stop // MOST_CUTS, stop, stop // MOST_CUTS), stop - 2, stop - 1})


def cut_at(point, data):
    return (data[:point], data[point:]) if 0 < point < len(data) else (data,)


def cuts(case):
    """Two segments. A case that fixes how a body comes in is cut in the head alone."""
    if not isinstance(case, Exchange) or len(case.body or b"") > LARGE:
        return ()
    head = case.request.find(b"\r\n\r\n") + 4
    stop = len(case.request) if case.ways == WAYS else head
    return points(case.request, stop)


@pytest.mark.parametrize("case", PLAYED, ids=lambda case: case.id)
def test_case(case, loop, parser):
    peer = Peer(loop, http=parser, **case.options)
    for way in case.ways:
        case.play(peer, way)
    for point in cuts(case):
        peer.cut = functools.partial(cut_at, point)
        case.play(peer, "whole")
    peer.stop()


def test_many_cases_are_played():
    assert len(PLAYED) >= 600
