"""`--threads`: event loops in threads of one process. With a GIL they take turns, for the tests."""

import asyncio
import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import sys
import threading

import pytest
import threads_app
import websockets.asyncio.client
from live import Live, client_context
from scraping import side_of
from serving import HERE, PYTHON, WAIT, Command, Hold, fail_to_start, get, wait_for

import fastserve
from fastserve import Config, ConfigError, cpus, gil, spreading, threads
from fastserve.sockets import ListeningSocket

FREE = not gil.is_on()
FOLDERS = [str(HERE / "with_gil"), *filter(None, [os.environ.get("PYTHONPATH")])]
WITH_GIL = {**os.environ, "PYTHONPATH": os.pathsep.join(FOLDERS)}
CERT, KEY, CERT2, KEY2 = (HERE / "tls" / f"{n}.pem" for n in ("cert", "key", "cert2", "key2"))
TLS = "--ssl-certfile", CERT, "--ssl-keyfile", KEY


@pytest.fixture(params=["uvloop", "asyncio"])
def serve(request):
    """Start the command with threads on a free port and this loop; it ends with the test."""
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
    with contextlib.ExitStack() as stack:

        def start(*args, app="threads_app:app", threads=3, **options):
            args = app, "--port", 0, "--loop", request.param, "--threads", threads, *args
            return stack.enter_context(Command(*args, env=WITH_GIL, **options))

        yield start


@pytest.fixture
def allowed(monkeypatch):
    """In this process, too."""
    monkeypatch.setattr(gil, "require_off", lambda: None)


class Blocks:
    """Calls of the app that hold up their loops, until the end of the `with` block."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(WAIT)
        self.path = f"/block?{self._listener.getsockname()[1]}"
        self._held = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._listener.close()
        self.release()

    def wait(self):
        """The number of the loop that is held up now."""
        held = self._listener.accept()[0]
        self._held.append(held)
        return int(held.recv(10))

    def release(self):
        while self._held:
            self._held.pop().close()


def thread_of(port):
    """Which loop has answered a new client."""
    status, body = get(port)
    assert status == 200
    return int(body.split()[0])


def all_seen(port, count):
    """When each loop has answered a client."""
    seen = set()
    wait_for(lambda: seen.add(thread_of(port)) or len(seen) == count)
    assert seen == set(range(1, count + 1))


def lines(command, word):
    return [line for line in command.stdout if line.startswith(word)]


# What is accepted


@pytest.mark.skipif(FREE, reason="this Python has no GIL")
@pytest.mark.parametrize("more", [(), ("--workers", 2), ("--reload",)], ids=str)
def test_with_a_gil_it_is_refused(more):
    status, stderr = fail_to_start("threads_app:app", "--threads", 2, *more)
    assert status == 2
    assert stderr == [
        "fastserve: --threads: this Python has a GIL, so only one thread would run at a time; "
        "use --workers, or a free-threaded Python (3.13t, 3.14t)"
    ]


@pytest.mark.skipif(not FREE, reason="this Python has a GIL")
def test_a_gil_that_is_on_is_refused():
    env = {**os.environ, "PYTHON_GIL": "1"}
    status, stderr = fail_to_start("threads_app:app", "--threads", 2, env=env)
    assert status == 2
    assert stderr[0].startswith("fastserve: --threads: the GIL is on, so only one thread would")


def test_an_app_that_turns_the_gil_on_is_refused(monkeypatch):
    answers = iter([False])
    monkeypatch.setattr(gil, "is_on", lambda: next(answers, True))
    monkeypatch.setattr(gil, "IMPORT_SECONDS", 0)
    monkeypatch.setattr(gil.sysconfig, "get_config_var", lambda name: 1)
    server = fastserve.Server(Config(threads_app.app, threads=2, port=0))
    with pytest.raises(ConfigError, match="the RuntimeWarning names it"):
        server.run()


def test_a_gil_that_is_on_while_a_module_is_imported_does_not_matter(monkeypatch):
    answers = iter([True, True])
    monkeypatch.setattr(gil, "is_on", lambda: next(answers, False))
    monkeypatch.setattr(gil.sysconfig, "get_config_var", lambda name: 1)
    gil.require_off()


def test_one_thread_needs_nothing():
    assert Config("a:b", threads=1).threads == 1
    assert Config("a:b", threads=None).threads == 1


@pytest.mark.parametrize("value", ["0", "-1", "two", "", "1.5", 0, 1.5, True])
def test_wrong_numbers(value):
    with pytest.raises(ConfigError, match="threads"):
        Config("a:b", threads=value)


def test_auto_is_the_number_of_usable_cpus(allowed, monkeypatch):
    monkeypatch.setattr(cpus, "usable_cpus", lambda: 5)
    assert Config("a:b", threads="auto").threads == 5
    env = {**WITH_GIL, "FASTSERVE_THREADS": "Auto"}
    with Command("check", "a:b", start=PYTHON, env=env) as command:
        command.expect(r"--threads +\d+ +FASTSERVE_THREADS in the environment", "stdout")


@pytest.mark.parametrize(
    ("text", "count"),
    [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("9900000 100000", 8), ("", 8)],
)
def test_a_container_may_use_fewer_cpus(text, count, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    group = tmp_path / "cgroup"
    group.write_text("1:cpu:/old\n0::/pods/one\n")
    (tmp_path / "pods" / "one").mkdir(parents=True)
    (tmp_path / "pods" / "one" / "cpu.max").write_text(text)
    monkeypatch.setattr(cpus, "GROUP", group)
    monkeypatch.setattr(cpus, "GROUPS", tmp_path)
    assert cpus.usable_cpus() == count
    monkeypatch.setattr(cpus, "GROUP", tmp_path / "none")
    assert cpus.usable_cpus() == 8


def test_check_says_that_threads_can_run():
    with Command("check", "threads_app:app", "--port", 0, "--threads", 2, env=WITH_GIL) as command:
        command.expect("ok +2 threads can run at the same time", "stdout")


def test_one_thread_imports_nothing_of_this():
    program = "import sys, fastserve.server; print(*sys.modules)"
    with Command("-c", program, start=[sys.executable]) as command:
        assert command.wait() == 0
        imported = command.stdout[0].split()
    assert "fastserve.serving" in imported
    assert not {"fastserve.threads", "fastserve.spreading", "fastserve.gil"} & set(imported)


# Serving


def test_each_loop_serves_with_state_of_its_own(serve):
    command = serve()
    port = command.port()
    command.expect("with 3 threads")
    all_seen(port, 3)
    for _ in range(10):
        number, made_in = get(port)[1].split()
        assert number == made_in
    if FREE:
        assert get(port, "/gil") == (200, "False")
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    assert sum("running on" in line for line in command.stderr) == 1
    assert lines(command, "startup")[0] == "startup 1"
    assert sorted(lines(command, "startup")) == ["startup 1", "startup 2", "startup 3"]
    assert lines(command, "shutdown")[-1] == "shutdown 1"
    assert sorted(lines(command, "shutdown")) == ["shutdown 1", "shutdown 2", "shutdown 3"]


def test_one_lifespan_for_the_process(serve):
    command = serve("--lifespan-scope", "process")
    port = command.port()
    all_seen(port, 3)
    assert {get(port)[1].split()[1] for _ in range(10)} == {"1"}
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    assert lines(command, "startup") == ["startup 1"]
    assert lines(command, "shutdown") == ["shutdown 1"]


def test_a_start_that_fails_in_one_thread_ends_all(serve):
    command = serve(app="threads_app:fails_in_the_third")
    assert command.wait() == 1
    assert command.stderr == ["fastserve: the application failed to start: no more licences"]
    assert lines(command, "shutdown")[-1] == "shutdown 1"
    assert "shutdown 3" not in command.stdout


def test_a_stop_before_all_have_started(serve):
    command = serve(app="threads_app:starts_never_in_the_second")
    command.expect("starting", "stdout")
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    assert command.stderr == ["INFO: Stopped before the application had started"]
    assert "shutdown 1" in command.stdout


@pytest.mark.parametrize("kind", ["host", "uds", "fd", "::1,127.0.0.1"])
def test_a_loop_that_is_busy_holds_up_no_other(serve, kind, tmp_path):
    """Its own clients wait; on a shared socket, the other loops accept all new ones."""
    with socket.create_server(("127.0.0.1", 0)) as sock, Blocks() as blocks:
        args = {
            "host": (),
            "uds": ("--uds", tmp_path / "socket"),
            "fd": ("--fd", sock.fileno()),
            "::1,127.0.0.1": ("--host", "::1,127.0.0.1"),
        }[kind]
        command = serve(*args, pass_fds=[sock.fileno()])
        if kind == "uds":
            command.expect("running on unix:")
            connect = unix(tmp_path / "socket")
        else:
            port = command.port()
            if kind == "fd":
                sock.close()
            connect = tcp(port)
        waiting = [ask(connect, blocks.path)]
        busy = {blocks.wait()}
        seen, pending = set(), []
        while len(seen) < 2:
            client = ask(connect, "/")
            # Where each loop has a socket of its own, this may be a client of the busy one.
            if data := client.answer(WAIT if kind in ("uds", "fd") else 0.5):
                seen.add(int(data.split()[0]))
            else:
                pending.append(client)
        assert seen == {1, 2, 3} - busy
        blocks.release()
        for client in (*waiting, *pending):
            assert client.answer(WAIT)
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
    assert not (tmp_path / "socket").exists()


def tcp(port):
    return lambda: socket.create_connection(("127.0.0.1", port), WAIT)


def unix(path):
    def connect():
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(path))
        return sock

    return connect


class ask:  # noqa: N801 - it begins with the request
    """A client that has asked."""

    def __init__(self, connect, path):
        self.sock = connect()
        self.sock.sendall(
            b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path.encode()
        )

    def answer(self, seconds):
        """The body; nothing if it has not come by then."""
        self.sock.settimeout(seconds)
        try:
            data = b"".join(iter(lambda: self.sock.recv(65536), b""))
        except TimeoutError:
            return b""
        self.sock.close()
        return data.rpartition(b"\r\n\r\n")[2]


def test_a_port_is_not_shared_with_another_server(serve):
    port = serve().port()
    other = serve("--port", port)
    assert other.wait() == 1
    assert other.stderr[-1].startswith(f"fastserve: port: 127.0.0.1:{port} is already in use")


def test_http2_tls_and_websocket_in_each_loop(serve):
    command = serve(*TLS)
    port = command.port()
    context = client_context()
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(tcp(port)(), server_hostname="localhost") as sock:
        assert sock.selected_alpn_protocol() == "h2"
    seen = set()

    async def talk():
        """Not with websockets' other client: it uses a TLS socket in two threads at once."""
        url = f"wss://127.0.0.1:{port}/"
        async with websockets.asyncio.client.connect(url, ssl=client_context()) as talking:
            await talking.send("hello")
            word, number = (await talking.recv()).split()
        assert word == "hello"
        seen.add(int(number))
        return len(seen) == 3

    wait_for(lambda: asyncio.run(talk()))
    command.signal(signal.SIGTERM)
    assert command.wait() == 0


def test_a_tls_session_goes_on_in_another_loop(serve):
    command = serve(*TLS)
    port = command.port()
    context = client_context()
    session, seen = None, set()
    for _ in range(40):
        with context.wrap_socket(tcp(port)(), session=session, server_hostname="a") as sock:
            assert sock.session_reused == (session is not None)
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            data = b"".join(iter(lambda sock=sock: sock.recv(65536), b""))
            seen.add(data.rpartition(b"\r\n\r\n")[2].split()[0])
            session = sock.session
    assert len(seen) > 1


# Commands


def test_all_loops_get_the_new_certificate(serve, tmp_path):
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    for source, target in zip((CERT, KEY), files, strict=True):
        shutil.copy(source, target)
    command = serve("--ssl-certfile", files[0], "--ssl-keyfile", files[1])
    port = command.port()
    for source, target in zip((CERT2, KEY2), files, strict=True):
        shutil.copy(source, target)
    command.signal(signal.SIGHUP)
    command.expect("Loaded the certificate")
    wanted = ssl.PEM_cert_to_DER_cert(CERT2.read_text())
    seen = set()

    def talk():
        with client_context().wrap_socket(tcp(port)(), server_hostname="a") as sock:
            found = sock.getpeercert(binary_form=True)
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            data = b"".join(iter(lambda: sock.recv(65536), b""))
        if found == wanted:
            seen.add(data.rpartition(b"\r\n\r\n")[2].split()[0])
        return len(seen) == 3

    wait_for(talk)


def held_in_each_loop(port, hold, count):
    """Clients whose requests are in progress, at least one in each loop."""
    clients, seen = [], set()

    def add():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
        connection.request("GET", "/")
        seen.add(int(connection.getresponse().read().split()[0]))
        connection.request("GET", hold.path)
        hold.wait()
        clients.append(connection)
        return len(seen) == count

    wait_for(add)
    return clients


def test_what_is_in_progress_in_any_loop_is_finished(serve):
    command = serve()
    port = command.port()
    with Hold() as hold:
        clients = held_in_each_loop(port, hold, 3)
        command.signal(signal.SIGTERM)
        command.expect(f"Waiting up to 30 s for {len(clients)} connections; press CTRL")
        with pytest.raises(OSError):  # noqa: PT011 - refused, on whatever socket
            get(port)
        hold.release()
        for client in clients:
            response = client.getresponse()
            assert response.status == 200
            response.read()
            client.close()
    assert command.wait() == 0
    assert not [line for line in command.stderr if "Closing" in line]


def test_a_second_signal_cuts_off_what_is_in_progress_in_any_loop(serve):
    command = serve()
    port = command.port()
    with Hold() as hold:
        clients = held_in_each_loop(port, hold, 3)
        command.signal(signal.SIGINT)
        command.expect("Waiting up to 30 s")
        command.signal(signal.SIGINT)
        command.expect(f"Closing {len(clients)} connections")
        assert command.wait() == 0
        for client in clients:
            client.close()
    assert len(lines(command, "shutdown")) == 3


def test_the_time_for_a_stop_is_the_same_for_all_loops(serve):
    command = serve("--timeout-graceful-shutdown", 0.2)
    port = command.port()
    with Hold() as hold:
        clients = held_in_each_loop(port, hold, 3)
        command.signal(signal.SIGTERM)
        command.expect(f"Closing {len(clients)} connections")
        assert command.wait() == 0
        for client in clients:
            client.close()


def test_an_upgrade_keeps_the_sockets_of_all_loops(serve):
    command = serve(start_new_session=True)
    port = command.port()
    all_seen(port, 3)
    try:
        command.signal(signal.SIGUSR2)
        command.expect(r"Process (\d+) has taken over; stopping")
        all_seen(port, 3)
        assert command.process.wait(WAIT) == 0
        all_seen(port, 3)
        running = [line for line in command.lines["stderr"] if "running on" in line]
        assert len(running) == 2
    finally:
        os.killpg(command.process.pid, signal.SIGKILL)


def test_the_end_of_a_thread_ends_the_process(serve):
    command = serve()
    port = command.port()
    with Hold() as hold:
        clients = held_in_each_loop(port, hold, 3)
        last = ask(tcp(port), "/exit")
        assert command.wait() == 7
        for client in (*clients, last.sock):
            client.close()


def test_the_number_of_requests_is_that_of_all_loops(serve):
    command = serve("--limit-max-requests", 12)
    port = command.port()
    for _ in range(12):
        assert get(port)[0] == 200
    assert command.wait() == 0
    assert "INFO: limit_max_requests reached, stopping" in command.stderr


def test_a_change_of_a_file_restarts_all_loops(serve, tmp_path):
    pytest.importorskip("watchfiles")
    for name in ("apps.py", "threads_app.py"):
        shutil.copy(HERE / name, tmp_path)
    command = serve("--reload", cwd=tmp_path)
    port = command.port()
    all_seen(port, 3)
    with open(tmp_path / "apps.py", "a") as file:
        file.write("# changed\n")
    command.expect("is ready")
    all_seen(port, 3)
    command.signal(signal.SIGINT)
    assert command.wait() == 0


# Logs and metrics


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP])
def test_all_loops_write_to_the_new_file(serve, number, tmp_path):
    log, old = tmp_path / "log", tmp_path / "old"
    command = serve("--access-log-file", log)
    port = command.port()
    all_seen(port, 3)
    wait_for(lambda: log.read_text())
    log.rename(old)
    command.signal(number)
    wait_for(log.exists)
    before = old.read_text()
    for _ in range(20):
        assert get(port, "/new")[0] == 200
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    assert old.read_text().startswith(before)
    assert log.read_text().count("/new") == 20


@pytest.mark.parametrize("target", ["stdout", "file"])
def test_lines_of_the_access_log_are_whole(serve, target, tmp_path):
    args = ("--access-log-file", tmp_path / "log") if target == "file" else ()
    command = serve(*args)
    port = command.port()

    def ask_often():
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
            for number in range(100):
                connection.request("GET", f"/{number}/{'a' * 300}")
                connection.getresponse().read()

    clients = [threading.Thread(target=ask_often) for _ in range(6)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    text = (tmp_path / "log").read_text().splitlines() if args else command.lines["stdout"]
    logged = [line for line in text if "HTTP" in line]
    assert len(logged) == 600
    assert all(re.search(r'\] 127.0.0.1:\d+ - "GET /\d+/a{300} HTTP/1.1" 200$', x) for x in logged)


def test_metrics_are_sums_of_all_loops(serve):
    command = serve("--metrics", 0)
    side = side_of(command)
    port = command.port()
    for _ in range(30):
        assert get(port)[0] == 200
    with Hold() as hold:
        clients = held_in_each_loop(port, hold, 3)
        samples = side.scrape()
        assert samples["requests_total", "GET", "2xx"] == 30 + len(clients)
        assert samples["requests_in_progress",] == len(clients)
        assert samples["connections_total", "no"] == 30 + len(clients)
        assert samples["workers", "ready"] == 1
        hold.release()
        for client in clients:
            client.getresponse().read()
            client.close()


def test_metrics_of_workers_with_threads(serve):
    command = serve("--metrics", 0, "--workers", 2)
    side = side_of(command)
    port = command.port()
    command.expect("with 2 workers of 3 threads")
    for _ in range(30):
        assert get(port)[0] == 200
    assert side.scrape()["requests_total", "GET", "2xx"] == 30
    command.signal(signal.SIGHUP)  # what the old workers have counted is kept
    for _ in range(2):
        command.expect("is ready")
    wait_for(lambda: side.scrape().of("worker_exits_total") == {("asked",): 2})
    assert side.scrape()["requests_total", "GET", "2xx"] == 30
    assert get(port)[0] == 200
    command.signal(signal.SIGTERM)
    assert command.wait() == 0


# Loops that hang


def block_another(port, blocks):
    """Hold up a loop that is not the first, so that the first one has to notice it."""
    clients = []
    while True:
        clients.append(ask(tcp(port), blocks.path))
        if blocks.wait() != 1:
            return clients
        blocks.release()


def test_a_loop_that_hangs_is_no_life(serve):
    command = serve("--metrics", 0, "--timeout-worker-healthcheck", 2)
    side = side_of(command)
    port = command.port()
    with Blocks() as blocks:
        clients = block_another(port, blocks)
        wait_for(lambda: side.health("/live") == (503, "an event loop has not run for 2 s"))
        blocks.release()
        wait_for(lambda: side.health("/live") == (200, "live"))
        for client in clients:
            client.sock.close()


def test_a_worker_with_a_loop_that_hangs_is_replaced(serve):
    command = serve("--workers", 2, "--timeout-worker-healthcheck", 3)
    port = command.port()
    with Blocks() as blocks:
        clients = block_another(port, blocks)
        command.expect("hangs: one of its event loops has not run for 3 s")
        command.expect("is ready")
        for client in clients:
            client.sock.close()


def test_a_worker_with_a_loop_that_hangs_ends_with_its_supervisor(serve):
    command = serve("--workers", 2)
    port = command.port()
    with Blocks() as blocks:
        clients = block_another(port, blocks)
        command.signal(signal.SIGKILL)
        assert command.wait() == -signal.SIGKILL  # and waits for the workers' output to end
        for client in clients:
            client.sock.close()


def test_a_loop_that_has_ended_does_not_hang(allowed):
    """As while the first one runs the shutdown of the app."""
    live = Live(threads_app.app, threads=2)
    serving = live.server._serving

    async def runs():
        (thread,) = serving._threads
        thread.end()
        await thread.ended.wait()
        return [serving.runs(), serving.runs()]

    answer = asyncio.run_coroutine_threadsafe(runs(), live.server._loop)
    assert answer.result(WAIT) == [True, True]
    assert serving.others_run(0)
    assert live.stop() is None


def test_a_start_that_hangs_in_one_thread_does_not_keep_the_process(allowed, monkeypatch, caplog):
    monkeypatch.setattr(threads, "ABORT_SECONDS", 0.1)
    server = fastserve.Server(Config(threads_app.hangs_in_the_second, threads=3, port=0))
    threads_app.GO_ON.clear()
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert threads_app.HANGS.wait(WAIT)
        server.request_stop()
        thread.join(WAIT)
        assert not thread.is_alive()
    finally:
        threads_app.GO_ON.set()
    assert "Stopped before the application had started" in caplog.messages
    assert [line for line in caplog.messages if line.endswith("hangs; ending without it")]


def test_a_loop_that_hangs_does_not_keep_the_process(allowed, monkeypatch, caplog):
    monkeypatch.setattr(threads, "ABORT_SECONDS", 0.1)
    server = Live(threads_app.app, threads=3)
    with Blocks() as blocks:
        clients = block_another(server.server.ports[0], blocks)
        assert server.stop() is None
        for client in clients:
            client.sock.close()
    assert [line for line in caplog.messages if line.endswith("hangs; ending without it")]


# In a program


def loops():
    return {each for each in threading.enumerate() if each.name == "fastserve loop 2"}


def test_in_a_with_block(allowed):
    before = loops()  # of the servers of other tests, which may end meanwhile
    with fastserve.running(threads_app.app, threads=2) as server:
        all_seen(server.port, 2)
        assert len(loops() - before) == 1
    assert not loops() - before


async def use_here():
    async with fastserve.running(threads_app.app, threads=2, lifespan="off") as server:
        assert server.server.ports
        return server.port


def test_in_a_running_loop(allowed):
    before = loops()
    assert asyncio.run(use_here())
    assert not loops() - before


def test_no_thread_can_be_started(allowed, monkeypatch):
    def fail(self):
        raise RuntimeError("can't start new thread")

    server = fastserve.Server(Config(threads_app.app, threads=2, port=0, lifespan="off"))
    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(fastserve.WorkerError, match="cannot start a thread: can't start new"):
        server.run()


# Which loop listens where


@pytest.mark.parametrize(
    ("count", "loops", "wanted"),
    [
        (1, 3, [[0], [0], [0]]),
        (3, 3, [[0], [1], [2]]),
        (2, 3, [[0], [1], [0]]),
        (5, 2, [[0, 2, 4], [1, 3]]),
    ],
)
def test_each_socket_has_a_loop(count, loops, wanted):
    """Several sockets of one address: a predecessor with threads had them."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(socket.socket())
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        first.bind(("127.0.0.1", 0))
        several = [first]
        for _ in range(count - 1):
            several.append(stack.enter_context(socket.socket()))
            several[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            several[-1].bind(first.getsockname())
        result = spreading.spread(several, loops)
        number = {os.fstat(sock.fileno()).st_ino: at for at, sock in enumerate(several)}
        assert [[number[os.fstat(s.fileno()).st_ino] for s in each] for each in result] == wanted
        assert all(sock in several for sock in result[0])
        for sock in (sock for each in result[1:] for sock in each):
            assert sock not in several
            sock.close()


@pytest.mark.skipif(sys.platform != "linux", reason="no other system spreads clients evenly")
def test_sockets_are_added_where_the_server_has_bound(allowed):
    config = Config("a:b", port=0, threads=3)
    own = fastserve.sockets.bind(config)
    other = socket.create_server(("127.0.0.1", 0))
    try:
        added = spreading.add_sockets([*own, other], config)
        assert [sock.getsockname() for sock in added] == [own[0].getsockname()] * 2
        assert all(isinstance(sock, ListeningSocket) for sock in added)
        for sock in added:
            sock.close()
    finally:
        own[0].close()
        other.close()
