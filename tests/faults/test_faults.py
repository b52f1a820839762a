"""Each fault in its short form; `make soak` has the long ones."""

import importlib
import importlib.util

import pytest
from driver import FAULTS

# These need a connection that, while draining, answers once more with Connection: close, and a
# service that tells its apps of the stop (`warn`).
NOT_YET = pytest.mark.xfail(reason="the connection's part is missing", strict=False)
MARKS = {"restarts": NOT_YET, "streams": NOT_YET}


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS.get(name, ())) for name in FAULTS])
def test_the_promise_is_kept(name):
    verdict = importlib.import_module(name).run("fastserve", long=False)
    assert verdict.kept, str(verdict)
