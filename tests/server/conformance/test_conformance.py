"""Every case over sockets, on every combination.

tests/http1/test_played.py sends the requests in other ways too, without sockets.
"""

import pytest

from .peers import LocalPeer
from .stage import app
from .table import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case, live, combination):
    case.play(LocalPeer(live(app, **case.options), live, combination), "whole")
