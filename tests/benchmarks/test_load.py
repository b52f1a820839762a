"""What is sent, what counts as the right answer, and the client in C."""

import http.server
import itertools
import shutil
import socket
import ssl
import threading
from pathlib import Path

import pytest

from benchmarks.load import Http, LoadError, Messages
from benchmarks.sections import tls

needs_cc = pytest.mark.skipif(not shutil.which("cc"), reason="the client needs a C compiler")


class Hello(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sizes = itertools.repeat(13)
    connections = 0

    def setup(self):
        type(self).connections += 1
        super().setup()

    def do_GET(self):
        body = b"Hello, world!"[: next(self.sizes)]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hello():
    """The port of a server, and the class that answers."""
    handler = type("Handler", (Hello,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], handler
        server.shutdown()
        thread.join()


def test_the_request_has_headers_method_and_body():
    assert Http("x", "/p", headers={"A": "b"}, method="POST", body=2).request() == (
        b"POST /p HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nA: b\r\nContent-Length: 2\r\n\r\nxx"
    )


def test_a_right_answer_tells_the_length_of_every_one(hello):
    port, _ = hello
    found = Http("x", pipelined=3).checked(port)
    assert found.each == 3
    assert found.message == Http("x").request() * 3
    assert found.reply == 3 * Http("x").checked(port).reply


@pytest.mark.parametrize(
    ("load", "sizes", "reason"),
    [
        (Http("x", expect=b"other"), [13], "/ answers 200 and 13 bytes"),
        (Http("x", pipelined=2), [13, 13, 13, 5], "2 answers have"),
    ],
)
def test_a_wrong_answer_is_refused(hello, load, sizes, reason):
    port, handler = hello
    handler.sizes = iter(sizes)
    with pytest.raises(LoadError, match=reason):
        load.checked(port)


def test_a_server_that_is_gone_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(LoadError, match="refused"):
        Http("x").checked(port)


@pytest.fixture
def echo():
    """The port of a server that takes one connection and sends back what comes."""

    def serve(server):
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(4096):
                connection.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@needs_cc
def test_the_client_runs_several_times(echo):
    load = Messages("x", b"ping", reply=4, connections=1, depth=3, each=2)
    with load.open(echo) as session:
        once, more, again = session.run(0), session.run(0.05), session.run(0.05)
    assert (once.requests, once.errors) == (2, 0)
    assert more.requests > 0
    assert again.requests > 0, "it still obeys"
    assert (more.errors, again.errors) == (0, 0)


@needs_cc
def test_a_connection_for_each_request(hello):
    port, handler = hello
    load = Http("x", connections=2, headers={"Connection": "close"}).checked(port)
    assert load.depth == 0
    with load.open(port) as session:
        before = handler.connections
        once, more = session.run(0), session.run(0.05)
    assert (once.requests, once.errors, more.errors) == (2, 0, 0)
    assert more.requests > 2
    # Those that were open already had the first two requests.
    assert handler.connections - before >= once.requests + more.requests - 2


@pytest.fixture
def hello_over_tls(hello):
    """The same server with TLS; its port."""
    _, handler = hello
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = Path(__file__).parents[1] / "server" / "tls"
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.skipif(bool(tls.missing()), reason="the client needs OpenSSL and a C compiler")
def test_the_client_speaks_tls(hello_over_tls):
    load = Http("x", connections=2, tls=True).checked(hello_over_tls)
    with load.open(hello_over_tls) as session:
        once, more = session.run(0), session.run(0.05)
    assert (once.requests, once.errors, more.errors) == (2, 0, 0)
    assert more.requests > 0


@needs_cc
def test_a_client_that_cannot_connect_says_so():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(LoadError, match="connect: Connection refused"):
        Messages("x", b"ping", 4).checked(port)
