"""Shares over both orders, and words that follow the figures."""

from dataclasses import replace

import pytest

from benchmarks.results import Figure, Row, Table
from benchmarks.verdict import change, conclusion, conditions, server_change, shares


def table(title="GET", **costs):
    rows = [
        Row(name.replace("_", " "), {"cpu_us": Figure(cost, cost, cost)})
        for name, cost in costs.items()
    ]
    return Table(title, rows)


def test_shares_add_up_in_the_mean_and_have_the_range_of_the_orders():
    costs = {"": 100, "p": 40, "l": 80, "lp": 10}
    found = shares(["p", "l"], lambda changed: costs["".join(sorted(changed))])
    assert found["p"].low == pytest.approx(60 / 90)
    assert found["p"].high == pytest.approx(70 / 90)
    assert found["p"].mean + found["l"].mean == pytest.approx(1)


PARSER_WINS = table(
    fastserve_h11_asyncio=100,
    fastserve_llhttp_asyncio=30,
    fastserve_h11_uvloop=85,
    fastserve_llhttp_uvloop=10,
)
LOOP_WINS = table(
    fastserve_httptools_asyncio=32,
    fastserve_llhttp_asyncio=30,
    fastserve_httptools_uvloop=12,
    fastserve_llhttp_uvloop=10,
)


def test_the_words_say_who_governs():
    parser, loop = change(PARSER_WINS, "h11", "llhttp"), change(LOOP_WINS, "httptools", "llhttp")
    assert parser.winner == "the parser governs"
    assert loop.winner == "the loop governs"
    assert conclusion([parser, loop]) == [
        "From asyncio and h11 to uvloop and llhttp, 10.00 times faster: "
        "the parser governs under every load.",
        "From asyncio and httptools to uvloop and llhttp, 3.20 times faster: "
        "the loop governs under every load.",
    ]
    assert conditions([parser]) == [
        "On uvloop, llhttp instead of h11 saves 75.0 us a request; under llhttp, uvloop instead "
        "of asyncio saves 20.0 us. The loop saves more under none of the loads."
    ]
    assert conditions([loop])[0].endswith("The loop saves more under GET.")


def test_loads_that_differ_are_named():
    one, two = change(PARSER_WINS, "h11", "llhttp"), change(LOOP_WINS, "httptools", "llhttp")
    found = conclusion([one, replace(two, old_parser="h11", load="POST")])
    assert found == [
        "From asyncio and h11 to uvloop and llhttp, 3.20 to 10.00 times faster: "
        "the parser governs (GET); the loop governs (POST)."
    ]


def test_the_shares_are_a_row_in_per_cent():
    row = change(PARSER_WINS, "h11", "llhttp").row()
    share = row.figures["parser_share"]
    assert share.low == pytest.approx(100 * 70 / 90)
    assert share.high == pytest.approx(100 * 75 / 90)
    assert row.figures["before_us"].median == 100


def test_neither_governs_when_the_order_decides():
    found = change(
        table(
            fastserve_h11_asyncio=100,
            fastserve_llhttp_asyncio=60,
            fastserve_h11_uvloop=70,
            fastserve_llhttp_uvloop=10,
        ),
        "h11",
        "llhttp",
    )
    assert found.winner.startswith("neither governs")


def test_a_missing_or_refused_corner_gives_no_verdict():
    refused = table(fastserve_h11_asyncio=100, fastserve_llhttp_asyncio=30)
    assert change(refused, "h11", "llhttp") is None
    PARSER_WINS.rows[0].refused, before = "refused", PARSER_WINS.rows[0].refused
    assert change(PARSER_WINS, "h11", "llhttp") is None
    PARSER_WINS.rows[0].refused = before
    assert conclusion([])[0].startswith("No verdict")
    assert server_change(refused).refused == "not measured"
