"""What the sections make of their readings, and the commands that start the servers."""

import http.client
import os
import shutil
import ssl
import sys

import pytest

import fastserve
from benchmarks import alone, machine, servers
from benchmarks.apps.bodies import write_files
from benchmarks.load import Http, LoadError
from benchmarks.parsers import MAKERS
from benchmarks.requests import NAMED
from benchmarks.results import Figure, Row, Table
from benchmarks.sections import apps, counts, field, loop, matrix, websocket


def table(key="cpu_us", **costs):
    rows = [Row(name, {key: Figure(cost, cost, cost)}) for name, cost in costs.items()]
    return Table("GET", rows)


def test_a_row_is_cut_in_parts_whose_sum_is_the_whole():
    floors = {"floor uvloop": 9, "floor fastserve uvloop": 7, "floor epoll in C": 6}
    costs = {"fastserve h11 uvloop": 40, **floors}
    found = table(**costs)
    matrix.add_parts(found, "cpu_us", {"port h11": 18, "app": 1})
    parts = {"kernel": 6, "loop": 1, "parser": 18, "app": 1, "server": 14}
    assert found.row("fastserve h11 uvloop").parts == parts
    assert found.row("floor uvloop").parts == {}


def test_instructions_have_no_kernel():
    costs = {"uvicorn httptools asyncio": 100, "floor asyncio": 10}
    found = table("instructions", **costs)
    matrix.add_parts(found, "instructions", {"httptools": 30, "app": 5})
    row = found.row("uvicorn httptools asyncio")
    assert row.parts == {"loop": 10, "parser": 30, "app": 5, "server": 55}


def test_a_part_is_not_less_than_nothing():
    found = table(**{"fastserve llhttp uvloop": 8, "floor fastserve uvloop": 7})
    matrix.add_parts(found, "cpu_us", {"httpparser batch": 2, "app": 1})
    assert found.row("fastserve llhttp uvloop").parts["server"] == 0


def test_what_was_published_is_said_to_hold_or_not():
    costs = {"uvloop protocol": 6, "asyncio protocol": 9, "Node": 12}
    found = loop.published(table(**costs))
    assert found[0] == "GET: uvloop about 2 times Node: 2.00 times; holds."
    assert "GET: uvloop 2 to 4 times asyncio, protocols: 1.50 times; no more." in found
    assert "GET: uvloop near Go: not measured." in found


@pytest.mark.parametrize(
    ("asyncio", "uvloop", "more", "note"),
    [
        (20, 10, False, "2.00 times; uvloop is better"),
        (20, 10, True, "0.50 times; asyncio is better"),
        (10, 10.2, False, "0.98 times; the same"),
    ],
)
def test_both_loops_are_compared(asyncio, uvloop, more, note):
    found = {"asyncio": Figure(*[asyncio] * 3), "uvloop": Figure(*[uvloop] * 3)}
    assert loop.claim("x", found, more).note == note


def test_a_loop_that_was_not_measured():
    assert loop.claim("x", {"uvloop": Figure(1, 1, 1)}).note == "not measured"


def test_servers_are_counted(monkeypatch):
    def of_server(contestant, loads, *_):
        if contestant.name == "uvicorn":
            raise LoadError("gone")
        return [{"Ir": 20_000.0, "I1mr": 1000.0, "D1mr": 100.0} for _ in loads]

    monkeypatch.setattr(counts.callgrind, "of_server", of_server)
    monkeypatch.setattr(counts, "missing_tool", lambda name: "")
    found = counts.run(matrix.Plan(only=("uvicorn", "fastserve")))
    assert found.left_out == {"uvicorn": "gone"}
    assert [table.title for table in found.tables][:2] == ["GET hello", "browser's 14 headers"]
    assert found.tables[0].median("fastserve", "i1") == 1000


def test_each_parser_that_is_installed_parses_the_same():
    for data in NAMED.values():
        found, left_out = alone.jobs(data)
        assert {"httpparser batch", "httpparser callbacks", "httptools", "h11"} <= set(found)
        assert not [reason for reason in left_out.values() if "Assertion" in reason]


def test_a_parser_that_parses_something_else_is_left_out(monkeypatch):
    def wrong():
        return (lambda data: data), (lambda data: ("GET", "/other", [], b""))

    monkeypatch.setitem(MAKERS, "wrong", wrong)
    found, left_out = alone.jobs(NAMED["tiny GET"], ["wrong"])
    assert set(found) == {"app"}
    assert "another message" in left_out["wrong"]


def test_parsers_are_timed():
    figures, left_out = alone.measure({"GET": NAMED["tiny GET"]}, 0.001, 2, ["httpparser batch"])
    assert set(figures["GET"]) == {"httpparser batch", "app"}
    assert [len(times) for times in figures["GET"].values()] == [2, 2]
    assert left_out == {}


def test_a_command_has_the_port_and_the_app():
    command = servers.fastserve("x", "--loop asyncio").command(8001)
    assert command[:5] == [sys.executable, "-m", "fastserve", "--port", "8001"]
    assert command[-3:] == ["--loop", "asyncio", servers.HTTP]


def test_an_application_adds_its_packages():
    each = servers.asgi_servers("module:app", "starlette")
    assert all("starlette" in one.packages for one in each)
    assert {one.command(80)[-1] for one in each} == {"module:app"}


def test_workers_have_the_machine():
    one, two = (servers.with_workers("fastserve", number) for number in (1, 2))
    assert (one.name, two.name) == ("fastserve, 1 worker", "fastserve, 2 workers")
    assert "--workers 2" in " ".join(two.command(80))
    assert not one.pinned


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_a_certificate_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr(servers, "CERTIFICATE", str(tmp_path / "new" / "certificate.pem"))
    monkeypatch.setattr(servers, "KEY", str(tmp_path / "new" / "key.pem"))
    servers.make_certificate()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(servers.CERTIFICATE, servers.KEY)


def test_who_takes_part():
    by_title = {load.title: load for load in field.LOADS}
    assert field.takes_part(by_title["100 KB file"], "nginx")
    assert not field.takes_part(by_title["100 KB file"], "uvicorn")
    assert field.takes_part(by_title["16 pipelined"], "nginx")
    assert not field.takes_part(by_title["sleep(0)"], "Go net/http")


ANSWERED = [(servers.HTTP, load) for load in field.LOADS]
ANSWERED += [(app, load) for app, loads in apps.APPS.values() for load in loads]


@pytest.mark.parametrize(("app", "load"), ANSWERED, ids=lambda each: getattr(each, "title", ""))
def test_each_load_has_its_answer(app, load):
    write_files()
    with fastserve.running(app, lifespan="off") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request(load.method, load.path, b"x" * load.body or None, load.headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, load.expect)
        connection.close()


def test_an_installed_wheel_comes_before_this_tree(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/wheel")
    assert machine.import_path() == f"/wheel{os.pathsep}{machine.ROOT}"
    monkeypatch.delenv("PYTHONPATH")
    assert machine.import_path() == str(machine.ROOT)
    assert machine.build() == "in place"
    monkeypatch.setattr(machine.httpparser, "__file__", "/wheel/httpparser/__init__.py")
    assert machine.build() == "wheel"


def test_what_is_not_installed_is_left_out():
    absent = servers.module("absent", "nothing {port}", "no_such_package")
    tool = servers.program("tool", "http.go", "no-such-tool")
    with servers.fleet([absent, tool]) as (running, left_out):
        assert running == {}
    assert left_out == {
        "absent": "no_such_package is not installed",
        "tool": "no-such-tool is not installed",
    }


@pytest.mark.parametrize("kind", servers.FLOORS)
@pytest.mark.parametrize("name", servers.LOOPS)
def test_each_floor_answers(name, kind):
    pytest.importorskip("uvloop")
    with servers.fleet([servers.floor(name, kind)]) as (running, left_out):
        assert left_out == {}
        ((_, server),) = running.items()
        server.resume()
        Http("x").checked(server.port)


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_the_floor_in_c_has_what_it_is_asked_for():
    chosen = [load for load in field.LOADS if field.takes_part(load, servers.FLOOR_C.name)]
    assert len(chosen) > 4
    with servers.fleet([servers.FLOOR_C]) as (running, left_out):
        assert left_out == {}
        ((_, server),) = running.items()
        server.resume()
        for load in (*chosen, websocket.echo_load(32), websocket.echo_load(4096, depth=3)):
            load.checked(server.port)


def test_a_server_that_ends_at_once_is_left_out_with_its_words():
    broken = servers.module("broken", "benchmarks.apps.loops {port} asyncio nothing")
    with servers.fleet([broken]) as (running, left_out):
        assert running == {}
    assert "KeyError" in left_out["broken"]


@pytest.mark.skipif(not shutil.which("cc"), reason="the client needs a C compiler")
def test_servers_are_compared_for_real():
    plan = matrix.Plan(0.02, 1, 0.02)
    with servers.fleet([servers.floor("asyncio"), servers.fastserve()]) as (running, left_out):
        assert left_out == {}
        found = matrix.compare(matrix.LOADS[:1], running, plan, "fastserve")
        assert all(server.memory_bytes() > 1e6 for server in running.values())
    (made,) = found
    assert [set(row.figures) for row in made.rows] == [{"cpu_us", "ratio", "rate"}] * 2


def test_the_app_alone_is_called_to_its_end():
    seen = []

    async def app(scope, receive, send):
        seen.append((await receive())["more_body"])
        await send({"type": "http.response.start"})
        seen.append("end")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alone, "app", app)
        call = alone.app_call("/")
        call(), call()
    assert seen == [False, "end"] * 2
