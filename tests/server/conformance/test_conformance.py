"""Every case on every combination: whole, byte by byte, and behind another request."""

import pytest

from .peers import LocalPeer
from .stage import app
from .table import CASES

PLAYS = [
    pytest.param(case, way, id=case.id if way == "whole" else f"{case.id}-{way}")
    for case in CASES
    for way in case.ways
]


@pytest.mark.parametrize(("case", "way"), PLAYS)
def test_case(case, way, live, combination):
    case.play(LocalPeer(live(app, **case.options), live, combination), way)
