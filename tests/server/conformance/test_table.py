"""docs/conformance.md says what the cases are."""

import json
import re

from .choices import NAMES
from .comparison import RESULTS, row
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


def test_each_choice_is_a_case():
    assert {case.id for case in CASES} >= NAMES


def test_the_comparison_is_of_cases_that_exist_and_fastserve_passes_them():
    found = json.loads(RESULTS.read_text())
    played = {name for part in found["cases"]["whole"].values() for name in part}
    assert played <= {case.id for case in CASES} - NAMES
    ours = [server for name, server in found["servers"].items() if name.startswith("fastserve")]
    assert len(ours) == 2
    for server in ours:
        assert not any(server["failed"].values())


def test_a_server_that_plays_one_topic_has_a_dash_in_the_others():
    servers = {
        "asgi": {"failed": {"whole": ["a"]}},
        "program": {"failed": {"whole": []}, "topic": "Refused"},
    }
    assert row("Refused", ["a", "b"], servers, "whole", "Refused") == "| Refused | 2 | 1 | 2 |"
    assert row("Send", ["a", "b"], servers, "whole", "Send") == "| Send | 2 | 1 | - |"
    assert row("**all**", ["a", "b"], servers, "whole") == "| **all** | 2 | 1 | - |"
