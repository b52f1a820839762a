"""Each fault in its short form; `make soak` has the long ones."""

import concurrent.futures
import importlib

import pytest
from driver import FAULTS

# They wait for deadlines more than they work: they do so at the same time.
WAITING = (
    "hangs",
    "orphans",
    "idle_tls",
    "streams",
    "stalled_log",
    "startups",
    "drips",
    "http2_restarts",
    "replacements",
    "threads",
)


def run(name):
    return importlib.import_module(name).run("fastserve", long=False)


@pytest.fixture(scope="module")
def begun(request):
    """{name: the verdict to come} of the faults above whose tests are selected."""
    chosen = {
        item.callspec.params.get("name")
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    }
    with concurrent.futures.ThreadPoolExecutor(len(WAITING)) as pool:
        yield {name: pool.submit(run, name) for name in WAITING if name in chosen}


@pytest.mark.parametrize("name", FAULTS)
def test_the_promise_is_kept(name, begun):
    verdict = begun[name].result() if name in begun else run(name)
    assert verdict.kept, str(verdict)
