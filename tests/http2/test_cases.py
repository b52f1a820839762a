"""Every case: over the fake transport whole and byte by byte, and over sockets on each loop."""

import re

import pytest
from live import Live

from .players import Bytewise, FakePeer, LivePeer
from .stage import app
from .table import CASES, TOPICS, compared

FLOODS = TOPICS["HTTP/2: floods"].CASES  # too many bytes to send one by one
WAYS = {"whole": None, "bytewise": Bytewise}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_fake(case, way, loop):
    if way == "bytewise" and case in FLOODS:
        pytest.skip("a flood is many bytes")
    peer = FakePeer(loop, WAYS[way], **case.options)
    case.play(peer)
    peer.stop()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_sockets(case, live_server, loop_name):
    if not (case.options or case.alone):
        case.play(live_server)
        return
    peer = LivePeer(Live(app, loop=loop_name, **case.options))
    try:
        case.play(peer)
    finally:
        assert peer.live.stop() is None


def test_each_id_is_used_once_and_names_its_clause():
    names = [case.id for case in CASES]
    assert len(names) == len(set(names))
    for name in names:
        assert re.match(r"(rfc\d+-\d+(\.\d+)*|asgi)-", name), name


def test_there_are_many():
    assert len(CASES) >= 200
    assert sum(len(part) for _, part in compared()) >= 200
