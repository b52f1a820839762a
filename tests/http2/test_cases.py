"""Every case: over the fake transport whole and byte by byte, and over sockets on each loop."""

import json
import re

import pytest
from http1.loop import Loop
from live import Live

from . import page
from .players import Bytewise, FakePeer, LivePeer
from .stage import app
from .table import CASES, TOPICS, compared

FLOODS = TOPICS["HTTP/2: floods"].CASES  # too many bytes to send one by one
WAYS = {"whole": None, "bytewise": Bytewise}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_fake(case):
    for way, cut in WAYS.items():
        if way == "bytewise" and case in FLOODS:
            continue  # a flood is many bytes
        loop = Loop()
        try:
            peer = FakePeer(loop, cut, **case.options)
            case.play(peer)
            peer.stop()
        finally:
            loop.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_sockets(case, live_server, loop_name):
    """Those that need a server of their own take a second each to stop it: on one loop."""
    if case.alone and loop_name == "asyncio":
        pytest.skip("played on uvloop")
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


def test_the_comparison_is_of_these_cases_and_fastserve_passes_them():
    found = json.loads(page.RESULTS.read_text())
    judged = {name for ids in found["cases"].values() for name in ids}
    assert judged == page.played(), "run: python tests/compat/conformance_http2.py"
    assert found["servers"]["fastserve"]["failed"] == []
