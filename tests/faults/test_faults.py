"""Each fault in its short form; `make soak` has the long ones."""

import importlib
import importlib.util

import pytest
from driver import FAULTS


@pytest.mark.parametrize("name", FAULTS)
def test_the_promise_is_kept(name):
    verdict = importlib.import_module(name).run("fastserve", long=False)
    assert verdict.kept, str(verdict)
