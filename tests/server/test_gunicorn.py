"""`gunicorn -k fastserve.gunicorn.Worker`, with the real gunicorn."""

import contextlib
import os
import re
import signal
import ssl
import sys
import urllib.error
import urllib.request

import pytest
from live import client_context
from serving import HERE, WAIT, Command, Hold, get, send_get

pytest.importorskip("gunicorn")

# From the title that setproctitle gives to gunicorn, which has a space, CPython takes its niceness for
# the number of its threads; run by `nice` it is then warned of forking.
WARNINGS = ("-W", "error", "-W", "ignore:This process:DeprecationWarning")
START = (sys.executable, *WARNINGS, "-m", "gunicorn", "-k", "fastserve.gunicorn.Worker")
LISTENING = r"Listening at: https?://127\.0\.0\.1:(\d+)"
FORWARDED = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}


@pytest.fixture
def serve():
    """Start gunicorn on a free port; it ends with the test."""
    with contextlib.ExitStack() as stack:

        def start(*args, bind="127.0.0.1:0", **options):
            args = ("--no-control-socket", "-b", bind, *args)
            command = stack.enter_context(Command(*args, start=START, **options))
            stack.callback(end, command)
            return command

        yield start


def end(command):
    """gunicorn's workers end with it."""
    if command.process.poll() is None:
        command.signal(signal.SIGQUIT)
        command.process.wait(WAIT)


def port_of(command):
    return int(command.expect(LISTENING)[1])


def expect_all(command, *words):
    """A line with each of these, in whatever order the processes write them."""
    left = list(words)
    while left:
        line = command.expect("").string
        found = [word for word in left if word in line]
        if found:
            left.remove(found[0])


def test_requests_and_sigterm(serve):
    command = serve("apps:lived", "--access-logfile", "-")
    port = port_of(command)
    command.expect("startup", "stdout")
    assert get(port) == (200, "hello")
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    assert "shutdown" in command.stdout
    line = next(line for line in command.stdout if '"GET / HTTP/1.1"' in line)
    # gunicorn's default format
    assert re.fullmatch(r'127\.0\.0\.1 - - \[.{26}\] "GET / HTTP/1.1" 200 5 "-" "-"', line)


def test_a_format_of_the_access_log(serve):
    form = "%(m)s %(U)s %(s)s %({x-a}i)s"
    command = serve("apps:app", "--access-logfile", "-", "--access-logformat", form)
    request = urllib.request.Request(f"http://127.0.0.1:{port_of(command)}/", headers={"X-A": "7"})
    with urllib.request.urlopen(request, timeout=WAIT) as response:
        assert response.status == 200
    command.expect("GET / 200 7$", "stdout")


def test_sigterm_waits_for_requests(serve):
    command = serve("apps:app")
    with Hold() as hold, contextlib.closing(send_get(port_of(command), hold.path)) as client:
        hold.wait()
        command.signal(signal.SIGTERM)
        command.expect("Stopping")
        hold.release()
        assert client.getresponse().read() == b"hello"
    assert command.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_quick_stop_waits_for_nobody(serve, number):
    command = serve("apps:lived", "--graceful-timeout", 600)
    with Hold() as hold, contextlib.closing(send_get(port_of(command), hold.path)):
        hold.wait()
        command.signal(number)
        assert command.wait() == 0
    assert "shutdown" in command.stdout


def test_sighup_replaces_the_workers(serve):
    command = serve("apps:lived", "-w", 2)
    port = port_of(command)
    before = {int(command.expect(r"Booting worker with pid: (\d+)")[1]) for _ in range(2)}
    for _ in before:  # one that is told to stop before it serves says nothing of stopping
        command.expect("startup", "stdout")
    with Hold() as hold, contextlib.closing(send_get(port, hold.path)) as client:
        hold.wait()
        command.signal(signal.SIGHUP)
        expect_all(command, "Booting", "Booting", "Stopping", "Stopping")
        hold.release()
        assert client.getresponse().read() == b"hello"
    while not all(f"Worker exiting (pid: {pid})" in "".join(command.stderr) for pid in before):
        command.expect("")
    assert int(get(port, "/pid")[1]) not in before
    command.signal(signal.SIGTERM)
    assert command.wait() == 0


def test_a_worker_that_hangs_is_replaced(serve):
    command = serve("apps:app", "--timeout", 1)
    port = port_of(command)
    pid = get(port, "/pid")[1]
    with contextlib.closing(send_get(port, "/hang")):
        command.expect("hanging", "stdout")
        command.expect(rf"WORKER TIMEOUT \(pid:{pid}\)")
        command.expect("Booting worker")
    assert get(port, "/pid")[1] != pid


def test_max_requests(serve):
    command = serve("apps:app", "--max-requests", 3, "--max-requests-jitter", 0)
    port = port_of(command)
    pid = get(port, "/pid")[1]
    for _ in range(2):
        assert get(port)[0] == 200
    command.expect("limit_max_requests reached")
    command.expect(rf"Worker exiting \(pid: {pid}\)")
    command.expect("Booting worker")
    assert get(port, "/pid")[1] != pid


def test_tls(serve):
    files = ("--certfile", HERE / "tls" / "cert.pem", "--keyfile", HERE / "tls" / "key.pem")
    command = serve("apps:app", *files, "--ciphers", "ECDHE+AESGCM")
    url = f"https://127.0.0.1:{port_of(command)}/"
    with urllib.request.urlopen(url, context=client_context(), timeout=WAIT) as response:
        assert response.read() == b"hello"
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+CHACHA20")
    with pytest.raises(OSError, match=r"\[SSL: "):
        urllib.request.urlopen(url, context=context, timeout=WAIT)


def test_a_unix_socket(serve, tmp_path):
    path = tmp_path / "socket"
    command = serve("apps:lived", bind=f"unix:{path}")
    command.expect("startup", "stdout")
    assert path.exists()
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    assert not path.exists()


def test_settings_and_options_of_a_subclass(serve, tmp_path):
    (tmp_path / "web.py").write_text(
        "import fastserve.gunicorn\n"
        "class Small(fastserve.gunicorn.Worker):\n"
        "    CONFIG_KWARGS = {'limit_body': 3, 'server_header': False, 'loop': 'asyncio'}\n"
        "async def app(scope, receive, send):\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    body = ' '.join([scope['scheme'], scope['client'][0]]).encode()\n"
        "    await send({'type': 'http.response.body', 'body': body})\n"
    )
    args = ("web:app", "-k", "web.Small", "--limit-request-field_size", 80, "--chdir", tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = serve(*args, "--forwarded-allow-ips", "127.0.0.1", env=environment)
    url = f"http://127.0.0.1:{port_of(command)}/"
    request = urllib.request.Request(url, headers=FORWARDED)
    with urllib.request.urlopen(request, timeout=WAIT) as response:
        assert response.read() == b"https 192.0.2.1"
        assert "server" not in response.headers
    for given, status in (({"data": b"long"}, 413), ({"headers": {"A": "b" * 90}}, 431)):
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(urllib.request.Request(url, **given), timeout=WAIT)
        assert raised.value.code == status
        raised.value.close()


def test_an_app_that_does_not_start_ends_gunicorn(serve):
    command = serve("apps:fails")
    assert command.wait() == 3
    assert any("the application failed to start: KeyError" in line for line in command.stderr)


def test_sigterm_while_the_app_starts(serve):
    command = serve("apps:never_starts")
    command.expect("starting", "stdout")
    command.signal(signal.SIGTERM)
    assert command.wait() == 0


def test_a_wsgi_app(serve, tmp_path):
    (tmp_path / "site_of_wsgi.py").write_text(
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('content-type', 'text/plain')])\n"
        "    return [environ['REQUEST_METHOD'].encode()]\n"
    )
    command = serve("site_of_wsgi:app", "--chdir", tmp_path)
    assert get(port_of(command)) == (200, "GET")
