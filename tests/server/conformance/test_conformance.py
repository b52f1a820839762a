"""Every case over sockets, on every combination.

tests/http1/test_played.py sends the requests in other ways too, without sockets.
"""

import time

import pytest
from serving import one_loop
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


def is_about_one_loop(case):
    """Each event loop starts the app, and has limits of its own."""
    return case.id.startswith("asgi-lifespan-") or case.id == "rfc9110-15.6.4-concurrency"


PLAYED = [
    pytest.param(case, id=case.id, marks=[one_loop] if is_about_one_loop(case) else [])
    for case in CASES
]


@pytest.mark.parametrize("case", PLAYED)
def test_case(case, live, combination):
    case.play(LocalPeer(live(app, **case.options), live, combination), "whole")
