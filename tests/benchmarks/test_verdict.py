"""Shares whichever goes first, and words that follow the figures."""

import pytest

from benchmarks.results import Figure, Row, Table
from benchmarks.verdict import corners, words


def table(title="GET", **costs):
    rows = [
        Row(name.replace("_", " "), {"cpu_us": Figure(cost, cost, cost)})
        for name, cost in costs.items()
    ]
    return Table(title, rows)


PARSER_WINS = table(
    fastserve_h11_asyncio=100,
    fastserve_llhttp_asyncio=30,
    fastserve_h11_uvloop=85,
    fastserve_llhttp_uvloop=10,
)
LOOP_WINS = table(
    "POST",
    fastserve_h11_asyncio=32,
    fastserve_llhttp_asyncio=30,
    fastserve_h11_uvloop=12,
    fastserve_llhttp_uvloop=10,
)
NEITHER = table(
    fastserve_h11_asyncio=100,
    fastserve_llhttp_asyncio=60,
    fastserve_h11_uvloop=70,
    fastserve_llhttp_uvloop=10,
)


def test_a_share_has_the_range_of_the_orders():
    assert corners(PARSER_WINS, "h11", "cpu_us").shares() == [
        pytest.approx(70 / 90),
        pytest.approx(75 / 90),
    ]


def test_the_words_say_who_governs():
    assert words([PARSER_WINS], "cpu_us", "us") == [
        "From asyncio and h11 to uvloop and llhttp, a request takes 10.0 times less CPU; 77.8 to 83.3% of "
        "that is the parser's: the parser governs under every load.",
        "On uvloop, llhttp instead of h11 saves 75.0 us a request; under llhttp, uvloop instead of "
        "asyncio saves 20.0. The loop saves more under none of the loads.",
    ]
    one, two = words([LOOP_WINS], "cpu_us", "us")
    assert one.endswith("the loop governs under every load.")
    assert two.endswith("The loop saves more under POST.")


def test_loads_that_differ_are_named():
    found = words([PARSER_WINS, LOOP_WINS], "cpu_us", "us")[0]
    assert found.endswith("the parser governs (GET); the loop governs (POST).")


def test_neither_governs_when_the_order_decides():
    assert "neither governs" in words([NEITHER], "cpu_us", "us")[0]


def test_a_missing_corner_gives_no_verdict():
    missing = table(fastserve_h11_asyncio=100, fastserve_llhttp_asyncio=30)
    assert corners(missing, "h11", "cpu_us") is None
    assert words([missing], "cpu_us", "us")[0].startswith("No verdict")
