"""Every case on every combination: whole, byte by byte, and behind another request."""

import pytest

from . import forms, refused, sending
from .peers import LocalPeer
from .stage import app

CASES = [*refused.CASES, *forms.CASES, *sending.CASES]
PLAYS = [
    pytest.param(case, way, id=case.id if way == "whole" else f"{case.id}-{way}")
    for case in CASES
    for way in case.ways
]


@pytest.mark.parametrize(("case", "way"), PLAYS)
def test_case(case, way, live):
    case.play(LocalPeer(live(app, **case.options)), way)
