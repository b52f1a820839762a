"""The cases that a session decides, played against `httpparser.http2` without fastserve."""

import pytest

from .bridge import BridgePeer
from .table import TOPICS

ALONE = [
    "HTTP/2: connections and frames",
    "HTTP/2: streams",
    "HTTP/2: types of frames",
    "HTTP/2: flow control",
    "HTTP/2: field compression",
    "HTTP/2: priorities",
]
CASES = [case for title in ALONE for case in TOPICS[title].CASES if "rfc8441" not in case.id]
OF_THE_SERVER = {"rfc9113-6.9.1-empty-not-blocked"}  # it knows when a body is empty


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case, loop):
    if case.id in OF_THE_SERVER:
        pytest.skip("not the session's to decide")
    case.play(BridgePeer(loop))
    assert not loop.failures
