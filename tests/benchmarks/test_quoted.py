"""The pages quote what the committed runs say, and nothing else."""

import pytest

from benchmarks import quoted
from benchmarks.results import Figure, Results, Row, Section, Table


@pytest.mark.parametrize("page", quoted.PAGES, ids=lambda page: page.name)
def test_a_page_quotes_the_committed_runs(page):
    text = page.read_text()
    assert quoted.BLOCK.search(text)
    assert quoted.filled(text, quoted.latest()) == text, "run: python -m benchmarks.quoted"


@pytest.mark.parametrize("kind", ["", "-instructions", "-apart", "-more"])
def test_the_committed_runs_have_the_same_settings(kind):
    runs = quoted.latest(kind)
    assert runs.run.settings == runs.again.settings
    assert runs.run.date < runs.again.date


@pytest.mark.parametrize(
    ("value", "text"), [(0.1234, "0.12"), (8.765, "8.77"), (31.06, "31.1"), (114164.6, "114,165")]
)
def test_numbers_have_three_digits_or_all_before_the_point(value, text):
    assert quoted.number(value) == text


@pytest.mark.parametrize(
    ("title", "name"), [("The hot path", "CPython 3.12.1"), ("It, Python 3.13.0", "CPython 3.13.0")]
)
def test_a_title_without_a_python_is_of_the_runs_own(title, name):
    run = Results("", "", "", {"python": "3.12.1"}, {}, {}, [Section("hotpath", title)])
    assert [found[0] for found in quoted.Runs(run, run).hotpaths()] == [name]


def test_what_was_refused_is_a_dash():
    kept = Row("a", {"cpu_us": Figure(8.5, 8.0, 9.0)})
    refused = Row("b", {"cpu_us": Figure(8.5, 5.0, 20.0)}, refused="refused: a reason")
    table = Table("GET", [kept, refused, Row("c")])
    assert quoted.by_load([table], "cpu_us", "us")[2:] == ["| a | 8.50 |", "| b | - |", "| c | - |"]
    assert quoted.of(table, "a", "cpu_us") == "8.50 (8.00-9.00)"


def test_a_target_that_every_round_reached_shows_their_range():
    row = Row("GET", notes=["reached in every round (2.00 to 4.00)"])
    assert quoted.target_cell(row, quoted.median) == "(2.00 to 4.00)"
    assert quoted.target_cell(None, quoted.median) == "-"
