"""examples/gateway when upstreams fail: retries, deadlines, health checks, circuit breakers."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from raw_upstream import CLOSE, HANG, RawUpstream, response
from serving import WAIT

from examples.gateway.breaker import Breaker, State
from examples.gateway.connection import UpstreamError
from examples.gateway.forward import Budget, Forwarder
from examples.gateway.settings import Settings

NEVER = {"GATEWAY_HEALTH_INTERVAL": "1000", "GATEWAY_BREAKER_FAILURES": "1000"}
UNAVAILABLE = response(b"upstream's own\n", status=b"503 Service Unavailable")


@pytest.fixture
def start(serve):
    """`start(*upstreams, **settings)`: a gateway; unless asked, no health checks and breakers."""

    def start(*upstreams, **settings):
        settings = {f"GATEWAY_{name.upper()}": str(value) for name, value in settings.items()}
        urls = ",".join(each if isinstance(each, str) else each.url for each in upstreams)
        return serve(
            "examples.gateway:app",
            "--no-access-log",
            **{"GATEWAY_UPSTREAMS": urls, "GATEWAY_RATE": "0", **NEVER, **settings},
        )

    return start


@pytest.fixture
def raw():
    """`raw(*answers)`: an upstream that gives them."""
    with contextlib.ExitStack() as stack:
        yield lambda *answers: stack.enter_context(RawUpstream(*answers))


@pytest.fixture(scope="module")
def shared(serve):
    """An upstream whose answers each test chooses, behind one gateway, whose client it is."""
    with RawUpstream(response()) as upstream:
        settings = {"GATEWAY_UPSTREAMS": upstream.url, "GATEWAY_RATE": "0", **NEVER}
        upstream.client = serve("examples.gateway:app", "--no-access-log", **settings).client
        yield upstream


@pytest.fixture
def upstream(shared):
    shared.give()
    return shared


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize(
    "failure",
    [
        CLOSE,
        b"HTTP/1.1 2\r\n\r\n",
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", CLOSE],
        [b"HTTP/1.1 200 OK\r\nContent-", CLOSE],
        UNAVAILABLE,
        response(status=b"502 Bad Gateway"),
        response(status=b"504 Gateway Timeout"),
        b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_what_is_retried(upstream, failure):
    upstream.give(failure, failure, response(b"third time"))
    assert upstream.client.get("/").text == "third time"
    assert len(upstream.requests) == 3
    ids = {line for head in upstream.requests for line in head.split(b"\r\n") if b"x-req" in line}
    assert len(ids) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_idempotent_methods_are_retried(upstream, method):
    upstream.give(CLOSE, response())
    body = b"x" * 65536 if method == "PUT" else None
    assert upstream.client.request(method, "/", content=body).status_code == 200
    assert upstream.requests[0] == upstream.requests[1]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_other_methods_are_not_retried(upstream, method):
    upstream.give(CLOSE, response())
    assert upstream.client.request(method, "/", content=b"x").status_code == 502
    assert len(upstream.requests) == 1


def test_other_methods_get_the_upstreams_503(upstream):
    upstream.give(UNAVAILABLE)
    answer = upstream.client.post("/")
    assert (answer.status_code, answer.text) == (503, "upstream's own\n")


def test_the_last_answer_of_an_upstream_is_passed_on(upstream):
    upstream.give(UNAVAILABLE)
    answer = upstream.client.get("/")
    assert (answer.status_code, answer.text) == (503, "upstream's own\n")
    assert len(upstream.requests) == 3


def test_a_streamed_body_is_not_sent_twice(upstream):
    upstream.give(CLOSE, response())
    answer = upstream.client.put("/", content=[b"x" * 65536] * 8)
    assert answer.status_code == 502
    assert len(upstream.requests) == 1


def test_what_no_upstream_has_seen_is_retried_whatever_it_is(start, raw):
    upstream = raw(response(b"fine"))
    gateway = start(f"http://127.0.0.1:{unused_port()}", upstream)
    for _ in range(10):
        assert gateway.client.post("/", content=b"a").text == "fine"
        assert gateway.client.post("/", content=b"x" * 100_000).text == "fine"


def test_nothing_is_retried_after_a_byte_of_the_response(upstream):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    upstream.give([head + b"3\r\nhal\r\n", CLOSE], response())
    with pytest.raises(httpx.RemoteProtocolError):
        upstream.client.get("/")
    assert len(upstream.requests) == 1


def test_interim_responses_are_dropped(upstream):
    upstream.give(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + response(b"final"))
    assert upstream.client.get("/").text == "final"


def test_the_method_of_each_request_on_a_connection(upstream):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
    upstream.give(head, head + b"body")
    assert upstream.client.head("/").headers["content-length"] == "4"
    length = {"Content-Length": str(8 * 65536)}
    assert upstream.client.post("/", content=[b"x" * 65536] * 8, headers=length).text == "body"


def test_connections_are_kept(upstream):
    upstream.give(response(b"kept"))
    for _ in range(5):
        assert upstream.client.get("/").text == "kept"
    assert upstream.connections <= 1  # it may have one already


@pytest.mark.parametrize(
    "answer",
    [
        response(b"closed", b"Connection: close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nclosed",
        response(b"closed") + b"HTTP/1.1 200 OK\r\n",
        [b"HTTP/1.1 200 OK\r\n\r\nclosed", CLOSE],
    ],
)
def test_connections_are_not_kept(upstream, answer):
    upstream.give(answer)
    for _ in range(3):
        assert upstream.client.get("/").text == "closed"
    assert upstream.connections >= 2  # it may have one already


def test_idle_connections_are_closed(start, raw):
    upstream = raw(response(b"fine"))
    gateway = start(upstream, keep_alive=0.05, health_interval=0.05)
    assert gateway.client.get("/").text == "fine"
    assert upstream.closed.acquire(timeout=WAIT)


# Deadlines


def test_first_byte(start, raw):
    upstream = raw(HANG)
    gateway = start(upstream, first_byte_timeout=0.1)
    assert gateway.client.get("/").status_code == 504
    assert len(upstream.requests) == 3
    assert gateway.expect('status=504 .* problem="the response: timed out"')


def test_idle_in_a_short_response(start, raw):
    upstream = raw([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", HANG])
    assert start(upstream, idle_timeout=0.1).client.get("/").status_code == 504


def test_idle_in_a_stream(start, raw):
    upstream = raw([b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\nhel", HANG])
    gateway = start(upstream, idle_timeout=0.1)
    with pytest.raises(httpx.RemoteProtocolError):
        gateway.client.get("/")
    assert gateway.expect('status=200 .* problem="the next part of the response: timed out"')


def test_an_upload_that_nobody_reads(start, raw):
    with socket.create_server(("127.0.0.1", 0)) as listener:  # the kernel accepts, nobody reads
        upstream = f"http://127.0.0.1:{listener.getsockname()[1]}"
        gateway = start(upstream, idle_timeout=0.2, first_byte_timeout=0.2)
        assert gateway.client.post("/", content=[b"x" * 65536] * 512).status_code == 504


def test_total(start, raw):
    upstream = raw(HANG)
    gateway = start(upstream, total_timeout=0.1)
    assert gateway.client.get("/").status_code == 504
    assert len(upstream.requests) == 1
    part = b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\nhel"
    gateway = start(raw([part, HANG]), total_timeout=0.1)
    with pytest.raises(httpx.RemoteProtocolError):
        gateway.client.get("/")


@pytest.mark.skipif(sys.platform != "linux", reason="how a full queue behaves is the kernel's")
def test_connecting(start):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:  # fill the queue; then the kernel drops what asks
            each.setblocking(False)
            each.connect_ex(address)
        gateway = start(f"http://127.0.0.1:{address[1]}", connect_timeout=0.1)
        assert gateway.client.post("/").status_code == 504
        for each in waiting:
            each.close()


def test_no_free_connection(start, raw):
    upstream = raw(HANG)
    gateway = start(upstream, connections=1, connect_timeout=1)
    with ThreadPoolExecutor() as pool:
        holding = pool.submit(httpx.post, gateway.url, timeout=WAIT)
        upstream.asked.acquire(timeout=WAIT)
        assert gateway.client.post("/").status_code == 504
        gateway.expect("no free connection")
        upstream.over.set()
        assert holding.result().status_code == 502


# Health and circuit breakers


def test_health_checks(start, raw):
    upstream = raw(response(b"fine"))
    upstream.health = response(status=b"500 No")
    gateway = start(upstream, health_interval=0.01)
    gateway.expect("is unhealthy: it answers 500")
    assert gateway.client.get("/").status_code == 503
    assert gateway.client.get("/healthz").status_code == 503
    assert "gateway_upstream_up{" in gateway.client.get("/metrics").text
    upstream.health = response()
    gateway.expect("is healthy again")
    assert gateway.client.get("/").text == "fine"
    assert gateway.client.get("/healthz").text == "ok\n"


def test_a_health_check_without_an_answer(start, raw):
    upstream = raw(response())
    upstream.health = HANG
    start(upstream, health_interval=0.01, health_timeout=0.05).expect(
        "unhealthy: no answer in time"
    )
    gone = start(f"http://127.0.0.1:{unused_port()}", health_interval=0.01)
    gone.expect("unhealthy: cannot connect")


def test_a_circuit_breaker(start, raw):
    upstream = raw(CLOSE, CLOSE, CLOSE, response(b"fine"))
    gateway = start(upstream, breaker_failures=3, breaker_pause=2, attempts=1)
    statuses = [gateway.client.get("/").status_code for _ in range(4)]
    assert statuses == [502, 502, 502, 503]
    while gateway.client.get("/").status_code != 200:  # until the pause is over
        pass
    assert len(upstream.requests) == 4


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_the_table_of_the_breaker():
    clock = Clock()
    breaker = Breaker(limit=2, pause=5, clock=clock)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert breaker.state is State.OPEN
    assert not breaker.allows()
    clock.now += 5
    assert breaker.allows()
    breaker.started()
    assert breaker.state is State.HALF_OPEN
    assert not breaker.allows()  # one at a time
    breaker.failed()
    assert breaker.state is State.OPEN
    clock.now += 5
    breaker.started()
    clock.now += 5  # a trial whose end nobody told
    assert breaker.allows()
    breaker.succeeded()
    assert breaker.state is State.CLOSED
    assert breaker.failures == 0


def test_the_retry_budget():
    budget = Budget(share=0.5, reserve=2)
    budget.spend()
    budget.spend()
    error = UpstreamError()
    error.retryable = True
    forwarder = Forwarder(None, Settings())
    forwarder.budget = budget
    assert not forwarder.may_retry(error)
    budget.earn()
    assert not forwarder.may_retry(error)
    budget.earn()
    assert forwarder.may_retry(error)
    for _ in range(100):
        budget.earn()
    assert budget.left == 2


# The whole


def test_one_upstream_dies_and_one_hangs(serve, start):
    """No request fails, and none waits without end: the deadlines see to that."""
    upstreams = [serve("upstream:app", "--no-access-log") for _ in range(3)]
    gateway = start(
        *[each.url for each in upstreams],
        attempts=5,
        first_byte_timeout=2,
        health_interval=0.2,
        health_timeout=2,
        breaker_failures=5,
        breaker_pause=0.5,
    )
    done = threading.Semaphore(0)
    stop = threading.Event()

    def ask():
        statuses = []
        with httpx.Client(base_url=gateway.url, timeout=WAIT, trust_env=False) as client:
            while not stop.is_set():
                statuses.append(client.get("/", headers={"Cache-Control": "no-store"}).status_code)
                statuses.append(client.put("/echo", content=b"x").status_code)
                done.release()
        return statuses

    def until_done(number):
        for _ in range(number):
            assert done.acquire(timeout=WAIT)

    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(ask) for _ in range(8)]
        until_done(100)
        upstreams[0].process.kill()
        until_done(100)
        os.kill(upstreams[1].process.pid, signal.SIGSTOP)
        until_done(300)
        gateway.expect("is unhealthy")
        gateway.expect("is unhealthy")
        os.kill(upstreams[1].process.pid, signal.SIGCONT)
        gateway.expect("is healthy again")
        until_done(100)
        stop.set()
        statuses = [status for each in running for status in each.result()]
    assert set(statuses) == {200, 201}


def test_waiting_ends_when_the_connection_is_lost():
    """A connection without a peer: every wait ends."""
    from examples.gateway.connection import Connection

    async def main():
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        connection = await Connection.open(*server.sockets[0].getsockname())
        with pytest.raises(UpstreamError):
            await connection.read_head()
        with pytest.raises(UpstreamError):
            await connection.drain()
        connection.close()
        server.close()

    asyncio.run(main())
