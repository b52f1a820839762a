"""A request's instructions by package, from what callgrind writes."""

import pytest
from click.testing import CliRunner

from benchmarks import parts

# An object's name appears once and then goes by its number; after `calls=` comes what was called.
DUMP = """version: 1
events: Ir
ob=(1) /usr/lib/libpython3.11.so.1.0
fl=(1) ceval.c
fn=(1) eval
1 50
+2 5
cob=(2) @1/http1/_parser.cpython-311-x86_64-linux-gnu.so
cfi=(2)
cfn=(2) feed
calls=10 7
+3 10000
* 20

ob=(2)
fn=(2)
-4 500
cob=(3) @0/http1/_connection.so
cfn=(3) on_head
calls=10 7
9 4000

ob=(3)
fn=(3)
7 900

ob=(4) /lib/x86_64-linux-gnu/libc.so.6
fn=(4) memcpy
3 30
totals: 1505
""".replace("@0", str(parts.HOMES[0])).replace("@1", str(parts.HOMES[1]))


def test_instructions_count_where_they_are_executed():
    assert parts.by_package(DUMP) == {
        "Python": 75,
        "httpparser.http1": 500,
        "fastserve.http1": 900,
        "the C library": 30,
    }


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{parts.HOMES[1]}/_core.so", "httpparser"),
        (f"{parts.HOMES[0]}/asgi/_task.so", "fastserve.asgi"),
        (f"{parts.HOMES[0].parent}/uvloop/loop.so", "the rest"),
        ("/usr/bin/python3.13", "Python"),
        ("/lib64/ld-linux-x86-64.so.2", "the C library"),
        ("/lib/libcrypt.so.1", "the rest"),
        ("", "the rest"),
    ],
)
def test_a_file_belongs_to_a_package(path, name):
    assert parts.package(path) == name


def test_the_command_prints_a_column_for_each_request(monkeypatch):
    monkeypatch.setattr(parts, "missing_tool", lambda name: "")
    monkeypatch.setattr(parts, "REPEAT", 5)
    dumps = dict.fromkeys(parts.WORKS.values(), DUMP)
    monkeypatch.setattr(parts.callgrind, "of_work", lambda repeat: dumps)
    result = CliRunner().invoke(parts.main)
    assert [" ".join(line.split()) for line in result.output.splitlines()][2:] == [
        "| fastserve.http1 | 180 | 180 |",
        "| httpparser.http1 | 100 | 100 |",
        "| Python | 15 | 15 |",
        "| the C library | 6 | 6 |",
        "| all | 301 | 301 |",
    ]


def test_without_valgrind_it_says_so(monkeypatch):
    monkeypatch.setattr(parts, "missing_tool", lambda name: "valgrind is not installed")
    result = CliRunner().invoke(parts.main)
    assert result.exit_code == 1
    assert "apt install valgrind" in result.output
