"""`fastserve.running`: a server in a `with` block, in the running loop, and for pytest."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import httpx
import pytest
import websockets.sync.client
from serving import HERE, WAIT

import fastserve
from fastserve import AppError, BindError, ConfigError, LifespanError

ROOT = Path(__file__).parents[2]
LOOPS = ["uvloop", "asyncio"]
TLS = {"ssl_certfile": HERE / "tls" / "cert.pem", "ssl_keyfile": HERE / "tls" / "key.pem"}


def make(name="hello", events=None):
    """An application that notes its lifespan in `events`."""
    events = [] if events is None else events

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            events.append("startup")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            events.append("shutdown")
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": name})
        else:
            body = f"{name} {threading.current_thread().name}".encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

    return app


async def fails(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def waits(scope, receive, send):
    """Answers nobody."""
    if scope["type"] == "http":
        await asyncio.get_running_loop().create_future()


def fetch(server):
    with urllib.request.urlopen(server.url, timeout=WAIT) as response:
        return response.read().decode()


@pytest.fixture(params=LOOPS)
def loop(request):
    return request.param


# In a thread


def test_a_with_block(loop):
    events = []
    with fastserve.running(make(events=events), loop=loop) as server:
        assert isinstance(server, fastserve.RunningServer)
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert events == ["startup"]
        assert fetch(server) == "hello fastserve"
        with websockets.sync.client.connect(server.websocket_url) as client:
            assert client.recv(WAIT) == "hello"
    assert events == ["startup", "shutdown"]
    with pytest.raises(OSError, match="refused"):
        fetch(server)


def test_several_at_once(loop):
    with (
        fastserve.running(make("one"), loop=loop) as one,
        fastserve.running(make("two"), http="h11") as two,
        fastserve.running(make("three"), loop="asyncio") as three,
    ):
        assert [fetch(each)[:3] for each in (one, two, three)] == ["one", "two", "thr"]
        one.stop()
        assert fetch(two) == "two fastserve"


def test_with_tls_and_on_every_address():
    with fastserve.running(make(), host="0.0.0.0", **TLS) as server:
        assert server.url == f"https://127.0.0.1:{server.port}"
        assert server.websocket_url == f"wss://127.0.0.1:{server.port}"
        assert httpx.get(server.url, verify=False).status_code == 200


def test_on_a_unix_socket(tmp_path):
    with fastserve.running(make(), uds=tmp_path / "socket") as server:
        assert (server.url, server.port) == ("http://localhost", None)
        transport = httpx.HTTPTransport(uds=str(tmp_path / "socket"))
        with httpx.Client(transport=transport) as client:
            assert client.get(server.url).status_code == 200
    assert not (tmp_path / "socket").exists()


def test_an_error_of_the_start_is_raised_here(loop, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    with pytest.raises(AppError, match='no module named "nowhere"'), fastserve.running("nowhere:a"):
        pytest.fail("it started")
    with pytest.raises(AppError) as raised, fastserve.running("broken_code:app", loop=loop):
        pytest.fail("it started")
    assert isinstance(raised.value.__cause__, RuntimeError)
    with pytest.raises(LifespanError, match="no database"), fastserve.running(fails, loop=loop):
        pytest.fail("it started")
    with (
        fastserve.running(make()) as server,
        pytest.raises(BindError, match="already in use"),
        fastserve.running(make(), port=server.port),
    ):
        pytest.fail("it started")
    with pytest.raises(ConfigError, match="there is no such option"):
        fastserve.running(make(), prot=1)
    for options in ({"workers": 2}, {"reload": True}):
        with pytest.raises(ConfigError, match="needs processes of its own"):
            fastserve.running(make(), **options)
    assert threading.active_count() == 1 + sum(
        thread.name != "fastserve" for thread in threading.enumerate()[1:]
    )


def test_the_platforms_number_of_workers_does_not_count(monkeypatch):
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    monkeypatch.syspath_prepend(HERE)
    with fastserve.running("apps:app") as server:
        assert server.server.config.workers == 1


def test_an_error_in_the_block_stops_the_server():
    with pytest.raises(LookupError), fastserve.running(make()) as server:
        raise LookupError
    with pytest.raises(OSError, match="refused"):
        fetch(server)


def test_requests_that_never_end_do_not_hold_up_the_end():
    with fastserve.running(waits, timeout_graceful_shutdown=0) as server:
        client = httpx.Client()
        with contextlib.suppress(httpx.ReadTimeout):
            client.get(server.url, timeout=0.05)
    client.close()


def test_it_is_used_once():
    server = fastserve.running(make())
    with pytest.raises(RuntimeError, match="is not running"):
        _ = server.url
    with server, pytest.raises(RuntimeError, match="used once"), server:
        pass
    with pytest.raises(RuntimeError, match="used once"), server:
        pass


def test_the_logs_are_left_alone(caplog):
    loggers = [logging.getLogger(name) for name in ("fastserve", "fastserve.access", "uvicorn")]
    before = [(each.level, list(each.handlers), each.propagate) for each in loggers]
    with caplog.at_level("INFO"), fastserve.running(make(), access_log=True) as server:
        fetch(server)
    assert [(each.level, each.handlers, each.propagate) for each in loggers] == before
    assert any("GET / HTTP/1.1" in message for message in caplog.messages)
    assert not any("CTRL+C" in message for message in caplog.messages)


def test_in_a_running_loop_as_notebooks_have_it():
    async def cell():
        with fastserve.running(make()) as server:
            return await asyncio.to_thread(fetch, server)

    assert asyncio.run(cell()) == "hello fastserve"


# In the running loop


def run(loop, main):
    with asyncio.Runner(loop_factory=fastserve.Config(make(), loop=loop).get_loop_factory()) as run:
        return run.run(main())


def test_async_with(loop):
    events = []

    async def main():
        app = make(events=events)
        async with (
            fastserve.running(app) as one,
            fastserve.running(make("two")) as two,
            httpx.AsyncClient() as client,
        ):
            assert events == ["startup"]
            assert (await client.get(one.url)).text == "hello MainThread"
            assert (await client.get(two.url)).text == "two MainThread"
            with pytest.raises(RuntimeError, match="leave its `async with` block"):
                one.stop()
        assert events == ["startup", "shutdown"]
        assert len(asyncio.all_tasks()) == 1

    run(loop, main)


def test_async_with_an_error_of_the_start(loop):
    async def main():
        with pytest.raises(LifespanError, match="no database"):
            async with fastserve.running(fails):
                pytest.fail("it started")

    run(loop, main)


def test_async_with_that_is_cancelled(loop):
    events = []

    async def main():
        started = asyncio.Event()

        async def serve():
            async with fastserve.running(make(events=events)):
                started.set()
                await asyncio.get_running_loop().create_future()

        task = asyncio.create_task(serve())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(loop, main)
    assert events == ["startup", "shutdown"]


# Several servers that take signals in one loop

SEVERAL = """
import asyncio, fastserve, os, signal

async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    print("shutdown", flush=True)
    await send({"type": "lifespan.shutdown.complete"})

async def main():
    servers = [fastserve.Server(fastserve.Config(app, port=0)) for _ in range(2)]
    tasks = [asyncio.create_task(each.serve()) for each in servers]
    while not all(each.started for each in servers):
        await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.gather(*tasks)

asyncio.run(main())
"""


def test_a_signal_stops_all_servers_of_a_loop():
    ended = subprocess.run(
        [sys.executable, "-c", SEVERAL], capture_output=True, text=True, timeout=WAIT, check=False
    )
    assert ended.stdout == "shutdown\n" * 2
    assert ended.returncode == -signal.SIGTERM


# pytest


def pytest_run(folder, source, *args):
    """In a project that has nothing but this test, with no other plugin than ours."""
    environment = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(ROOT / "server"),
    }
    (folder / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "fastserve_pytest"]
    return subprocess.run(
        [*command, *args],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )


USES_THE_FIXTURE = """
import sys, urllib.request
import pytest

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

urls = []

def test_it(fastserve_server):
    one, two = fastserve_server(app), fastserve_server(app, loop="asyncio")
    for server in (one, two):
        assert urllib.request.urlopen(server.url).read() == b"hello"
        urls.append(server.url)

@pytest.mark.parametrize("number", [0, 1])
def test_they_have_stopped(number):
    with pytest.raises(OSError):
        urllib.request.urlopen(urls[number])
"""


def test_the_fixture(tmp_path):
    ended = pytest_run(tmp_path, USES_THE_FIXTURE)
    assert ended.returncode == 0, ended.stdout
    assert "3 passed" in ended.stdout
    assert "warning" not in ended.stdout


def test_the_plugin_imports_nothing_of_ours(tmp_path):
    source = (
        "import sys\n"
        "def test_it():\n"
        "    assert 'fastserve_pytest' in sys.modules\n"
        "    assert not {'fastserve', 'httpparser'} & set(sys.modules)\n"
    )
    ended = pytest_run(tmp_path, source)
    assert "1 passed" in ended.stdout, ended.stdout


def test_the_entry_point():
    text = (ROOT / "pyproject.toml").read_text()
    assert 'fastserve = "fastserve_pytest"' in text
    assert (ROOT / "server" / "fastserve_pytest.py").exists()
