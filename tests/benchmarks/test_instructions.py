"""Instructions per request: the ratios, the words, and one real count where valgrind is."""

import shutil
import sys

import pytest

from benchmarks.load import Wrk
from benchmarks.results import Figure, Row, Table
from benchmarks.sections import instructions
from benchmarks.servers.asgi import fastserve


def table(baseline="", **counts):
    rows = [
        Row(name.replace("_", " "), {"instructions": Figure(count, count, count)})
        for name, count in counts.items()
    ]
    return Table("GET", rows, baseline=baseline)


def test_the_ratio_is_the_baselines_instructions_over_the_rows():
    counted = table("base", base=30_000, ours=10_000)
    instructions.add_ratios(counted)
    assert [row.figures["ratio"].median for row in counted.rows] == [1, 3]


def test_the_words_follow_the_counts():
    counted = table(
        fastserve_h11_asyncio=100,
        fastserve_llhttp_asyncio=30,
        fastserve_h11_uvloop=80,
        fastserve_llhttp_uvloop=10,
    )
    assert instructions.words([counted]) == [
        "From asyncio and h11 to uvloop and llhttp, 10.0 times fewer instructions; 78% of that is "
        "the parser's."
    ]
    assert instructions.words([table()]) == ["No verdict: no load has all four corners counted."]


@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
@pytest.mark.skipif(not shutil.which("cc"), reason="the client needs a C compiler")
@pytest.mark.timeout(180)
def test_a_server_is_counted():
    load = Wrk("GET hello")
    (count,) = instructions.counted(fastserve("fastserve"), [load], sys.executable)
    assert 5_000 < count < 200_000
