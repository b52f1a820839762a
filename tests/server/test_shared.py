"""What requests in several threads have in common must not be counted by each of them."""

import asyncio
import sys
import threading

import pytest
from live import Live
from wire import WAIT

from fastserve import gil
from fastserve.loops import for_threads, loop_factory

uvloop = pytest.importorskip("uvloop")
UNCOUNTED = 2**30  # the references of an object that is never freed seem to be more than these
KINDS = {"uvloop": uvloop.Loop, "asyncio": asyncio.SelectorEventLoop}
POST = b"POST /path?query HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"

with_threads = pytest.mark.skipif(gil.is_on(), reason="this Python has a GIL")


class Recorder:
    """Keeps what an app is given in each of two threads."""

    def __init__(self, look=lambda: None):
        self.given = {}
        self._look = look

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            raise NotImplementedError
        seen = self._look()
        message = await receive()
        head = {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", b"0")],
        }
        sending = send(head)
        await sending
        await send({"type": "http.response.body"})
        self.given.setdefault(threading.get_ident(), []).append((scope, message, sending, seen))

    def serve(self, data, **options):
        """Send requests on new connections until each thread has had two."""
        live = Live(self, threads=2, **options)
        for _ in range(200):
            with live.connect() as client:
                client.send(data)
                client.response()
            if len(self.given) == 2 and all(len(calls) > 1 for calls in self.given.values()):
                break
        assert live.stop() is None
        first, second = self.given.values()
        return first[-1], second[-1]


def contents(thing, into):
    """All objects in containers, by id."""
    into[id(thing)] = thing
    if isinstance(thing, dict):
        thing = [*thing, *thing.values()]
    if isinstance(thing, list | tuple):
        for item in thing:
            contents(item, into)
    return into


@with_threads
@pytest.mark.parametrize(
    "options",
    [{}, {"root_path": "/a"}, {"http": "h11"}, {"loop": "asyncio"}],
    ids=["plain", "root path", "h11", "asyncio"],
)
def test_no_reference_is_counted_by_two_threads(options):
    first, second = (contents(given, {}) for given in Recorder().serve(POST, **options))
    shared = [thing for key, thing in first.items() if key in second]
    assert "http.request" in shared
    assert "1.1" in shared
    assert [thing for thing in shared if sys.getrefcount(thing) < UNCOUNTED] == []


@with_threads
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="each thread has its current task")
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_task_is_where_all_threads_write_only_once_somebody_looks_for_it(loop):
    def look():
        tasks = asyncio.tasks._current_tasks
        loop = asyncio.get_running_loop()
        before = [key for key in list(tasks) if key is loop]
        task = asyncio.current_task()
        return before, task is not None, [key is loop for key in list(tasks)].count(True)

    for *_, seen in Recorder(look).serve(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", loop=loop):
        assert seen == ([], True, 1)
    assert [each for each in asyncio.tasks._current_tasks.values() if each is not None] == []


@pytest.mark.parametrize("name", KINDS)
def test_a_loop_for_threads_is_one_of_its_kind(name):
    kind = loop_factory(name)
    assert issubclass(kind, KINDS[name])
    assert for_threads(kind) is kind
    assert for_threads(KINDS[name]) is kind
    loop, other = kind(), kind()
    try:
        assert hash(loop) == object.__hash__(loop)
        assert loop == loop != other
        assert len({loop, other}) == 2
        assert asyncio.current_task(loop) is None
        assert loop.run_until_complete(asyncio.wait_for(current(), WAIT)) is not None
    finally:
        loop.close()
        other.close()


def test_a_loop_that_allows_no_subclass_is_taken_as_it_is():
    class Final(asyncio.SelectorEventLoop):
        def __init_subclass__(cls):
            raise TypeError("not an acceptable base type")

    assert for_threads(Final) is Final


def test_so_is_one_with_a_hash_of_its_own():
    class Hashed(asyncio.SelectorEventLoop):
        def __hash__(self):
            return 1

    assert for_threads(Hashed) is Hashed


async def current():
    return asyncio.current_task()
