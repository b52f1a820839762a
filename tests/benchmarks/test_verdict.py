"""Shares over both orders, and words that follow the figures."""

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
    assert conclusion([parser, loop]) == (
        "In 1 of 2 cases the parser governs: GET against h11. "
        "In 1 of 2 cases the loop governs: GET against httptools."
    )
    assert "saves 75.0 us a request, more than the 20.0 us" in conditions([parser])[0]
    assert "saves 2.0 us a request, less than the 20.0 us" in conditions([loop])[0]


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
    assert conclusion([]).startswith("No verdict")
    assert "not measured" in server_change(refused)
