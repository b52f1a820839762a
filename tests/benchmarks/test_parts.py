"""A request's instructions cut into parts, from what callgrind writes."""

import pytest
from click import ClickException
from click.testing import CliRunner

from benchmarks import parts

# 10 requests: names appear once and then by number; a function may be called from several places
DUMP = """events: Ir
fn=(1) main
1 50
cfn=(2) __pyx_pw_Connection_5data_received
calls=10 7
+3 10000
fn=(2)
4 500
cfn=(3) __pyx_f_Connection_parse
calls=10 7
9 4000
fn=(3)
7 900
cfn=(4) __pyx_f_Connection_on_head
calls=4 7
9 1000
calls=6 7
9 500
fn=(5) elsewhere
cfn=(3)
calls=1 7
8 100
"""


def test_what_a_function_took_with_all_below_it():
    assert parts.below(DUMP) == {
        "__pyx_pw_Connection_5data_received": 10_000,
        "__pyx_f_Connection_parse": 4_100,
        "__pyx_f_Connection_on_head": 1_500,
    }


@pytest.fixture
def two_parts(monkeypatch):
    found = [("parser", "parse", ["Connection_on_head"]), ("scope", "Connection_on_head", [])]
    monkeypatch.setattr(parts, "PARTS", found)


def test_each_part_is_without_the_others_and_all_make_the_whole(two_parts):
    assert parts.parts(DUMP, 10) == {
        "parser": 260,
        "scope": 150,
        "the rest": 590,
        "**all**": 1000,
    }


def test_a_function_that_is_not_there_is_named(two_parts):
    with pytest.raises(ClickException, match="saw no Connection_on_head"):
        parts.parts(DUMP.replace("on_head", "on_had"), 10)


def test_the_command_prints_a_column_for_each_request(monkeypatch, two_parts):
    monkeypatch.setattr(parts, "missing_tool", lambda name: None)
    monkeypatch.setattr(parts, "REPEAT", 10)
    monkeypatch.setattr(parts, "dumps", lambda repeat: dict.fromkeys(parts.WORKS.values(), DUMP))
    result = CliRunner().invoke(parts.main)
    assert result.output.splitlines()[:3] == [
        "| part | tiny GET | browser GET |",
        "| --- | --- | --- |",
        "| parser | 260 | 260 |",
    ]


def test_without_valgrind_it_says_so(monkeypatch):
    monkeypatch.setattr(parts, "missing_tool", lambda name: "valgrind is not installed")
    result = CliRunner().invoke(parts.main)
    assert result.exit_code == 1
    assert "apt install valgrind" in result.output
