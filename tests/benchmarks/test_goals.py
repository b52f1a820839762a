"""The goals: what is compared, and that every one of them is measured."""

import pytest

from benchmarks import goals, report, servers
from benchmarks.goals import GOALS, Goal
from benchmarks.results import Figure, Results, Row, Section, Table
from benchmarks.sections import apps, field, tls, websocket

HELLO = Goal("field", "GET hello", "freastal", 1.05)


def run(*tables, section="field"):
    return Results("2026-01-01", "", "abc", {}, {}, [Section(section, "", list(tables))])


def table(title, key="cpu_us", **costs):
    return Table(
        title, [Row(name, {key: Figure(each, each, each)}) for name, each in costs.items()]
    )


def test_a_ratio_is_the_rivals_cpu_over_ours():
    found = run(table("GET hello, 64 connections", fastserve=5, freastal=6))
    assert goals.times(found, HELLO) == 1.2


@pytest.mark.parametrize(
    "found",
    [
        None,
        run(),
        run(table("GET hello", fastserve=5)),
        run(table("other", fastserve=5, freastal=6)),
    ],
)
def test_what_was_not_measured_has_no_ratio(found):
    assert goals.times(found, HELLO) is None


def test_the_idle_connection_is_the_one_among_the_most():
    each = [
        table("64 idle HTTP", "bytes", fastserve=9),
        table("10 idle HTTP", "bytes", fastserve=7),
    ]
    assert goals.idle(run(*each, section="memory")) == 7


def test_each_build_has_a_column():
    plain = run(table(HELLO.load + ", 64 connections", fastserve=5, freastal=6))
    wheel = run(table(HELLO.load + ", 64 connections", fastserve=4, freastal=6))
    assert goals.lines(plain, wheel)[0] == [
        *("GET hello, 64 connections", "freastal", "1.20", "1.50", "at least 1.05")
    ]
    assert goals.lines(plain, None)[0][3] == "-"
    assert goals.lines(plain, None)[-1][2] == "-"


MEASURED = {
    "field": (field.LOADS, [*servers.ASGI, *servers.OTHERS]),
    "tls": (tls.LOADS, servers.TLS),
    "apps": ([load for _, loads in apps.APPS.values() for load in loads], servers.asgi_servers()),
    "websocket": (websocket.loads(), [websocket.OURS, *websocket.RIVALS]),
}


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: f"{goal.load} {goal.rival}")
def test_each_goal_is_measured(goal):
    loads, contestants = MEASURED[goal.section]
    load = next(load for load in loads if goal.load in load.title)
    names = {each.name for each in contestants}
    if goal.section == "field":
        names = {name for name in names if field.takes_part(load, name)}
    assert {goals.OURS, goal.rival} <= names
    assert goal.section in goals.SECTIONS


def test_the_page_says_when_the_wheel_was_measured(monkeypatch):
    monkeypatch.setattr(report, "wheel", lambda: None)
    assert report.goal_table(run())[-1] == "The wheel was not measured."
    monkeypatch.setattr(report, "wheel", run)
    assert report.goal_table(run())[-1].endswith("on 2026-01-01 at revision abc.")


def test_cores_for_a_million_are_the_microseconds():
    found = run(table("GET hello, 64 connections", fastserve=6.4))
    assert report.million(found)[-1].replace(" ", "") == "|GEThello,64connections|6.40|6.40|11|"
