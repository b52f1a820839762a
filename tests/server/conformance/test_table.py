"""docs/conformance.md says what the cases are."""

import re

from .table import CASES, PAGE, SOURCES, page


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == page(), "run: cd tests/server && python -m conformance.table"


def test_each_id_is_used_once_and_names_its_clause():
    names = [case.id for case in CASES]
    assert len(names) == len(set(names))
    for name in names:
        source, section = name.split("-")[:2]
        assert source in {*SOURCES, "asgi", "asyncio", "anyio"}, name
        assert source not in SOURCES or re.fullmatch(r"\d+(\.\d+)*", section), name


def test_there_are_many():
    assert len(CASES) >= 300
