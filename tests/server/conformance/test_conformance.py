"""Every case over sockets, on every combination.

tests/http1/test_played.py sends the requests in other ways too, without sockets.
"""

import time

import pytest
from wire import WAIT

from . import deadlines
from .peers import LocalPeer
from .stage import STAGE, app
from .table import CASES


@pytest.fixture(scope="session", autouse=True)
def deadlines_run(live, combination):
    """The deadlines pass while the other cases are played."""
    peer = LocalPeer(live(app, **deadlines.OPTIONS), live, combination)
    deadlines.once(peer)
    end = time.monotonic() + WAIT
    while STAGE.run.calls < deadlines.CALLS:  # before another case begins its own run
        assert time.monotonic() < end
        peer.pause()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case, live, combination):
    case.play(LocalPeer(live(app, **case.options), live, combination), "whole")
