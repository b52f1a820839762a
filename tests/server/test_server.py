"""One server process: binding, stopping, embedding, limits of what is let in."""

import asyncio
import concurrent.futures
import contextlib
import http.client
import os
import select
import signal
import socket
import ssl
import stat
import subprocess
import threading

import apps
import pytest
import uvloop
from serving import HERE, PYTHON, WAIT, Command, Hold, fail_to_start, get, one_loop, send_get

from fastserve import BindError, Config, Server

LOOPS = ["uvloop", "asyncio"]
CERT = HERE / "tls" / "cert.pem"
KEY = HERE / "tls" / "key.pem"
TLS = "--ssl-certfile", CERT, "--ssl-keyfile", KEY


@pytest.fixture(params=LOOPS)
def loop(request):
    return request.param


@pytest.fixture
def serve(loop):
    """Start the command on a free port and this loop; it ends with the test."""
    with contextlib.ExitStack() as stack:

        def start(app="apps:lived", *args, **options):
            args = app, "--port", "0", "--loop", loop, *args
            return stack.enter_context(Command(*args, **options))

        yield start


# Stopping


@one_loop
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_and_no_line_is_lost(serve, number):
    command = serve()
    port = command.port()
    for path in ("/", "/a?b=c"):
        assert get(port, path) == (200, "hello")
    command.signal(number)
    assert command.wait() == 0
    assert command.stdout[0] == "startup"
    assert [line.partition(" - ")[2] for line in command.stdout[1:] if " - " in line] == [
        '"GET / HTTP/1.1" 200',
        '"GET /a?b=c HTTP/1.1" 200',
    ]
    assert "shutdown" in command.stdout
    assert command.stderr[-1] == "INFO: Stopping"


def test_a_process_stops_when_it_has_served_its_number(serve):
    command = serve("apps:lived", "--limit-max-requests", "5")
    port = command.port()
    assert [get(port) for _ in range(5)] == [(200, "hello")] * 5
    assert command.wait() == 0
    assert command.stderr[-2:] == [
        "INFO: limit_max_requests reached, stopping",
        "INFO: Stopping",
    ]
    assert command.stdout[-1] == "shutdown"


def test_a_request_in_progress_is_finished_before_the_apps_shutdown(serve):
    command = serve()
    port = command.port()
    with Hold() as hold:
        connection = send_get(port, hold.path)
        hold.wait()
        command.signal(signal.SIGTERM)
        command.expect("Stopping")
        assert "shutdown" not in command.stdout
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset, as the kernel likes
            while True:  # who came before the socket was closed is still answered
                assert get(port) == (200, "hello")
        hold.release()
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"hello")
        connection.close()
        assert command.wait() == 0
    assert "shutdown" in command.stdout


def test_a_request_that_goes_on_is_cut_off_after_the_grace(serve):
    command = serve("apps:lived", "--timeout-graceful-shutdown", "0.1")
    port = command.port()
    with Hold() as hold:
        connection = send_get(port, hold.path)
        hold.wait()
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
        with pytest.raises(OSError):  # noqa: PT011
            connection.getresponse()
        connection.close()
    assert "shutdown" in command.stdout
    assert "WARNING: Closing 1 connection" in command.stderr


def test_a_second_signal_does_not_wait(serve):
    command = serve()
    port = command.port()
    with Hold() as hold:
        connection = send_get(port, hold.path)
        hold.wait()
        command.signal(signal.SIGINT)
        command.expect("Stopping")
        command.signal(signal.SIGINT)
        assert command.wait() == 0
        connection.close()
    assert "WARNING: Closing 1 connection" in command.stderr


def test_an_idle_connection_is_closed_at_once(serve):
    command = serve()
    with socket.create_connection(("127.0.0.1", command.port()), WAIT) as idle:
        command.signal(signal.SIGTERM)
        assert idle.recv(1) == b""
        assert command.wait() == 0


def test_what_a_stop_waits_for_is_logged(serve):
    command = serve("apps:lived", "--timeout-graceful-shutdown", "60")
    port = command.port()
    with Hold() as hold:
        connection = send_get(port, hold.path)
        hold.wait()
        command.signal(signal.SIGTERM)
        command.expect(r"Waiting up to 60 s for 1 connection; press CTRL\+C again to close them")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
        connection.close()


def test_a_tls_handshake_that_never_ends_does_not_hold_a_stop(serve):
    command = serve("apps:app", *TLS, "--timeout-tls-handshake", "600")
    with socket.create_connection(("127.0.0.1", command.port()), WAIT) as silent:
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
        assert silent.recv(1) == b""


def test_standard_descriptors_may_be_closed(loop):
    """Else a socket is given the number, and libuv aborts when it closes that."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, fd = listener.getsockname()[1], listener.fileno()
        args = "apps:app", "--loop", loop, "--fd", fd
        with Command(*args, limits="exec 0<&- 1>&- 2>&-", pass_fds=[fd]) as command:
            assert get(port) == (200, "hello")
            command.signal(signal.SIGTERM)
            assert command.wait() == 0


def test_a_stop_while_the_app_starts(serve):
    command = serve("apps:never_starts")
    command.expect("starting", "stdout")
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    assert command.stderr == ["INFO: Stopped before the application had started"]


def test_a_shutdown_that_never_ends(serve):
    command = serve("apps:never_stops", "--timeout-graceful-shutdown", "0.1")
    command.port()
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    assert command.stderr[-1] == "WARNING: The application's shutdown was cut off"


# Lifespan


@one_loop
def test_state_is_shared_shallowly(serve):
    port = serve().port()
    assert [get(port, "/count")[1] for _ in range(3)] == ["1 1", "2 1", "3 1"]


def test_nobody_is_let_in_before_startup_is_complete(serve, tmp_path):
    command = serve("apps:never_starts", "--uds", tmp_path / "s")
    command.expect("starting", "stdout")
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
        client.connect(str(tmp_path / "s"))


def test_lifespan_off_and_on(serve):
    command = serve("apps:lived", "--lifespan", "off")
    assert get(command.port()) == (200, "hello")
    assert "startup" not in command.stdout
    status, lines = fail_to_start("apps:app", "--lifespan", "on", "--port", "0")
    assert status == 1
    assert lines[-1] == "fastserve: the application does not support lifespan, but --lifespan is on"


# Binding


def get_unix(path):
    connection = http.client.HTTPConnection("localhost", timeout=WAIT)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        return connection.getresponse().read()
    finally:
        connection.close()


def test_a_unix_socket(serve, tmp_path):
    path = tmp_path / "server.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))  # left behind by a server that crashed
    command = serve("apps:app", "--uds", path)
    command.expect(f"running on unix:{path} ")
    assert get_unix(path) == b"hello"
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    status, lines = fail_to_start("apps:app", "--uds", path)
    assert status == 1
    assert lines == [f"fastserve: uds: cannot bind {path}: it is already in use"]
    assert get_unix(path) == b"hello"
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    assert not path.exists()


def test_a_successors_unix_socket_is_kept(serve, tmp_path):
    path = tmp_path / "server.sock"
    old = serve("apps:app", "--uds", path)
    old.expect("running on")
    with Hold() as hold:
        connection = http.client.HTTPConnection("localhost", timeout=WAIT)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(path))
        connection.request("GET", hold.path)
        hold.wait()
        old.signal(signal.SIGTERM)
        old.expect("Stopping")
        serve("apps:app", "--uds", path).expect("running on")
        hold.release()
        assert connection.getresponse().read() == b"hello"
        connection.close()
        assert old.wait() == 0
    assert get_unix(path) == b"hello"


def test_another_file_than_the_servers_own_is_kept(serve, tmp_path):
    path = tmp_path / "server.sock"
    command = serve("apps:app", "--uds", path)
    command.expect("running on")
    path.rename(tmp_path / "moved")
    path.write_text("x")
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    assert path.read_text() == "x"


def test_a_unix_socket_whose_queue_is_full_is_in_use(tmp_path):
    path = tmp_path / "server.sock"
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(socket.socket(socket.AF_UNIX))
        busy.bind(str(path))
        busy.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                client.connect(str(path))
        status, lines = fail_to_start("apps:app", "--uds", path)
    assert (status, lines) == (1, [f"fastserve: uds: cannot bind {path}: it is already in use"])
    assert path.exists()


def test_a_file_in_the_place_of_a_unix_socket_is_kept(tmp_path):
    path = tmp_path / "precious"
    path.write_text("x")
    status, lines = fail_to_start("apps:app", "--uds", path)
    assert status == 1
    assert lines[0].endswith(f"cannot bind {path}: there is a file of another kind")
    assert path.read_text() == "x"


def test_an_inherited_descriptor(serve):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        fd = listener.fileno()
        command = serve("apps:app", "--fd", fd, pass_fds=[fd])
        assert command.port() == port
    assert get(port) == (200, "hello")


def test_several_hosts_on_one_free_port(serve):
    command = serve("apps:app", "--host", "127.0.0.1,127.0.0.2")
    first, second = command.port(), command.port()
    assert first == second
    assert get(first) == (200, "hello")
    with socket.create_connection(("127.0.0.2", first), WAIT):
        pass


def test_a_host_by_its_name(serve):
    port = serve("apps:app", "--host", "localhost").port()
    connection = http.client.HTTPConnection("localhost", port, timeout=WAIT)
    connection.request("GET", "/", headers={"Connection": "close"})
    assert connection.getresponse().read() == b"hello"
    connection.close()


def test_an_address_of_another_machine():
    status, lines = fail_to_start("apps:app", "--host", "192.0.2.1", "--port", "0")
    assert status == 1
    assert lines[0].startswith("fastserve: host: cannot bind 192.0.2.1:0: ")


@pytest.mark.parametrize(("option", "chosen"), [("--http2", "h2"), ("--no-http2", "http/1.1")])
def test_tls(serve, option, chosen):
    """By ALPN; http.client speaks HTTP/1.1 and offers nothing else."""
    command = serve("apps:app", "--ssl-certfile", CERT, "--ssl-keyfile", KEY, option)
    port = int(command.expect(r"running on https://127.0.0.1:(\d+) ")[1])
    context = ssl.create_default_context(cafile=CERT)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", port), WAIT) as sock,
        context.wrap_socket(sock, server_hostname="127.0.0.1") as session,
    ):
        assert session.selected_alpn_protocol() == chosen
    context.set_alpn_protocols(["http/1.1"])
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=WAIT)
    connection.request("GET", "/", headers={"Connection": "close"})
    assert connection.sock.selected_alpn_protocol() == "http/1.1"
    assert connection.getresponse().read() == b"hello"
    connection.close()


# SIGHUP

LOG_CONFIG = """
version = 1
handlers.file = { class = "logging.FileHandler", filename = "LOG" }
loggers.fastserve = { level = "INFO", handlers = ["file"] }
"""


def test_a_hangup_reopens_the_logs(serve, tmp_path):
    log, config = tmp_path / "log", tmp_path / "logging.toml"
    config.write_text(LOG_CONFIG.replace("LOG", str(log)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, fd = listener.getsockname()[1], listener.fileno()
        command = serve("apps:app", "--fd", fd, "--log-config", config, pass_fds=[fd])
    assert get(port) == (200, "hello")
    while "running on" not in log.read_text():  # a second thread may answer before that is logged
        assert get(port) == (200, "hello")
    log.rename(tmp_path / "log.1")
    command.signal(signal.SIGHUP)
    while not log.exists():
        assert get(port) == (200, "hello")
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    assert log.read_text().splitlines()[-1] == "Stopping"
    assert "running on" in (tmp_path / "log.1").read_text()


def test_a_hangup_reloads_the_certificate(serve, tmp_path):
    files = [tmp_path / "cert.pem", tmp_path / "key.pem"]
    for file, source in zip(files, (CERT, KEY), strict=True):
        file.write_text(source.read_text())
    command = serve("apps:app", "--ssl-certfile", files[0], "--ssl-keyfile", files[1])
    port = command.port()
    old = served_certificate(port)
    assert old == ssl.PEM_cert_to_DER_cert(CERT.read_text())

    files[0].write_text("half written")
    command.signal(signal.SIGHUP)
    command.expect("ERROR: ssl_certfile: cannot load .*; going on with the old certificate")
    assert served_certificate(port) == old

    files[0].write_text((HERE / "tls" / "cert2.pem").read_text())
    files[1].write_text((HERE / "tls" / "key2.pem").read_text())
    command.signal(signal.SIGHUP)
    command.expect("Loaded the certificate")
    assert served_certificate(port) == ssl.PEM_cert_to_DER_cert(files[0].read_text())


def served_certificate(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    sock = socket.create_connection(("127.0.0.1", port), WAIT)
    with context.wrap_socket(sock) as client:
        return client.getpeercert(binary_form=True)


def test_a_hangup_of_the_terminal_stops(loop):
    ours, theirs = os.openpty()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, fd = listener.getsockname()[1], listener.fileno()
        args = *PYTHON, "apps:app", "--loop", loop, "--fd", str(fd)
        process = subprocess.Popen(
            args, cwd=HERE, stdin=theirs, stdout=theirs, stderr=theirs, pass_fds=[fd]
        )
        os.close(theirs)
        try:
            assert get(port) == (200, "hello")
            process.send_signal(signal.SIGHUP)
            assert get(port) == (200, "hello")  # the terminal is there
            os.close(ours)
            process.send_signal(signal.SIGHUP)
            assert process.wait(WAIT) == 0
        finally:
            process.kill()
            process.wait()


# Embedding


async def started(server):
    """As programs wait that embed the server."""
    while not server.started:
        await asyncio.sleep(0.001)


def runner(loop):
    factory = uvloop.new_event_loop if loop == "uvloop" else asyncio.SelectorEventLoop
    return asyncio.Runner(loop_factory=factory)


def test_inside_a_running_loop(loop):
    async def main():
        server = Server(Config(apps.app, port=0, access_log=False))
        serving = asyncio.ensure_future(server.serve())
        await started(server)
        (port,) = server.ports
        assert await asyncio.to_thread(get, port) == (200, "hello")
        server.request_stop()
        await serving
        with pytest.raises(OSError):  # noqa: PT011
            await asyncio.to_thread(get, port)

    with runner(loop) as running:
        running.run(main())


def test_in_a_thread_on_a_socket_of_the_callers(loop):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = Server(Config(apps.app, loop=loop, access_log=False))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    assert get(port) == (200, "hello")
    server.request_stop()
    thread.join(WAIT)
    assert not thread.is_alive()
    assert listener.fileno() == -1


def test_nobody_is_lost_while_servers_take_turns_on_one_socket(loop):
    """As workers do that are replaced: whom the old one has accepted, it answers."""

    def start():
        server = Server(Config(apps.app, loop=loop, lifespan="off", access_log=False))
        copy = socket.socket(fileno=os.dup(listener.fileno()))
        thread = threading.Thread(target=server.run, args=([copy],))
        thread.start()
        while not server.started:
            assert get(port) == (200, "hello")
        return server, thread

    def stop(server, thread):
        server.request_stop()
        thread.join(WAIT)
        assert not thread.is_alive()

    def visit():
        while not ended.is_set():
            answers.append(get(port))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ended, answers = threading.Event(), []
        with concurrent.futures.ThreadPoolExecutor() as pool:
            serving = start()
            visits = [pool.submit(visit) for _ in range(4)]
            try:
                for _ in range(100):
                    successor = start()
                    stop(*serving)
                    serving = successor
            finally:
                ended.set()
            for each in visits:
                each.result(WAIT)
            stop(*serving)
    assert set(answers) == {(200, "hello")}


def test_a_stop_before_the_start():
    server = Server(Config(apps.app, port=0))
    server.request_stop()
    server.run()
    assert not server.started


def test_cancelling_serve_stops_the_server(loop):
    async def main():
        server = Server(Config(apps.app, port=0, access_log=False))
        serving = asyncio.ensure_future(server.serve())
        await started(server)
        with Hold() as hold:
            connection = await asyncio.to_thread(send_get, server.ports[0], hold.path)
            await asyncio.to_thread(hold.wait)
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving
            connection.close()

    with runner(loop) as running:
        running.run(main())


def test_a_signal_ends_the_program_around_the_server_too(loop):
    got = []
    previous = signal.signal(signal.SIGTERM, lambda number, frame: got.append(number))

    async def main():
        server = Server(Config(apps.app, port=0))
        serving = asyncio.ensure_future(server.serve())
        await started(server)
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
        assert got == [signal.SIGTERM]  # by the handler that was there before

    try:
        with runner(loop) as running:
            running.run(main())
    finally:
        signal.signal(signal.SIGTERM, previous)


def test_what_is_in_use_is_told_before_the_app_starts():
    started = []

    async def app(scope, receive, send):
        started.append(scope["type"])

    with socket.create_server(("127.0.0.1", 0)) as other:
        server = Server(Config(app, port=other.getsockname()[1]))
        with pytest.raises(BindError, match="already in use; choose another"):
            server.run()
    assert started == []


# Limits


def crowd(port, count):
    return [socket.create_connection(("127.0.0.1", port), WAIT) for _ in range(count)]


def closed(sockets):
    """Which of them the server has closed."""
    return select.select(sockets, [], [], 0)[0]


def test_out_of_descriptors_accepting_pauses(serve):
    # 100 descriptors are too few for 150 clients: some wait in the kernel's queue, none is
    # dropped, and all are served once others have gone.
    command = serve("apps:app", limits="ulimit -n 100")
    port = command.port()
    clients = crowd(port, 150)
    last = clients.pop()
    last.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    probe = crowd(port, 1)[0]
    command.expect(r"WARNING: Accepting is paused: \d\d of 100 file descriptors are in use")
    assert closed(clients) == []
    for client in clients:
        client.close()
    assert b"hello" in b"".join(iter(lambda: last.recv(4096), b""))
    last.close()
    probe.close()
    assert get(port) == (200, "hello")
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    said = [line for line in command.stderr if "running on" not in line]
    said = [line for line in said if ", process " not in line]
    assert len(said) <= 3  # paused, going on if that took a second, stopping
    assert said[-1] == "INFO: Stopping"


def test_limit_connections_pauses_accepting(serve):
    command = serve("apps:app", "--limit-connections", "4")
    port = command.port()
    clients = crowd(port, 30)
    last = clients.pop()
    last.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert closed([last]) == []
    for client in clients:
        client.close()
    assert b"hello" in b"".join(iter(lambda: last.recv(4096), b""))
    last.close()


def test_tls_handshakes_are_connections_too(serve):
    command = serve("apps:app", *TLS, "--limit-connections", "4", "--timeout-tls-handshake", "600")
    port = command.port()
    silent = crowd(port, 10)
    command.expect(r"WARNING: Accepting is paused: limit_connections \(4\) is reached")
    assert closed(silent) == []
    for client in silent:
        client.close()
    assert served_certificate(port)


def test_without_descriptors_the_app_has_some_left(serve):
    command = serve("apps:app", "--no-access-log", limits="ulimit -n 100")
    port = command.port()
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port), WAIT))
        for other in crowd(port, 150):
            stack.enter_context(other)
        command.expect("WARNING: Accepting is paused")
        client.sendall(b"GET /files HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(4096).endswith(b"\r\n\r\n16")


@one_loop
def test_an_app_that_holds_many_descriptors_is_served(serve):
    """It has taken what is kept free for it; clients are answered from the few that are left."""
    command = serve("apps:hoards", limits="ulimit -n 100")
    port = command.port()
    assert [get(port)[1] for _ in range(20)] == ["hello"] * 20


def test_failed_handshakes_leave_no_descriptor(serve):
    command = serve("apps:app", *TLS)
    port = command.port()
    folder = f"/proc/{command.process.pid}/fd"
    served_certificate(port)
    before = len(os.listdir(folder))
    for client in crowd(port, 20):
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        client.close()
    while len(os.listdir(folder)) > before:
        served_certificate(port)
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    running, what_runs, *said = command.stderr
    assert ("running on" in running, ", process " in what_runs) == (True, True)
    assert said == ["INFO: Stopping"]
