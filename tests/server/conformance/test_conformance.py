"""Every case on every combination: whole, byte by byte, and behind another request."""

import pytest

from . import connections, extensions, forms, receiving, refused, sending
from .peers import LocalPeer
from .stage import app

TOPICS = [refused, forms, receiving, sending, extensions, connections]
CASES = [case for topic in TOPICS for case in topic.CASES]
PLAYS = [
    pytest.param(case, way, id=case.id if way == "whole" else f"{case.id}-{way}")
    for case in CASES
    for way in case.ways
]


@pytest.mark.parametrize(("case", "way"), PLAYS)
def test_case(case, way, live):
    case.play(LocalPeer(live(app, **case.options)), way)
