"""What must not happen, whoever calls: crashes, leaks, a parser inside itself."""

import ctypes
import gc
import importlib
import pkgutil
import resource
import subprocess
import sys
import sysconfig
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cases import join, request
from soak import MESSAGES, growth

import httpparser
from httpparser import (
    END,
    HttpParserError,
    RequestHead,
    RequestParser,
    ResponseParser,
    write_response_head,
)

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
MANY = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"A%d: b\r\n" % n for n in range(120)) + b"\r\n"
MANY_SMALL = GET * 3 + (
    b"POST /a?b HTTP/1.1\r\nHost: a\r\nX-Own: b\r\nContent-Length: 2\r\n\r\nab"
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nC: d\r\n\r\n"
)


class Counting:
    """A protocol that looks at everything and keeps the number of messages."""

    ended = 0

    def on_url(self, url: bytes) -> None: ...
    def on_header(self, name: bytes, value: bytes) -> None: ...
    def on_headers_complete(self) -> None: ...
    def on_body(self, body: bytes) -> None: ...
    def on_message_complete(self) -> None:
        Counting.ended += 1


class Meddling:
    """Data that does something when a parser asks for it: the parser is inside feed() then."""

    def __init__(self, data: bytes, act: Callable[[], object]) -> None:
        self.data = data
        self.act = act

    def __buffer__(self, flags: int) -> memoryview:
        self.act()
        return memoryview(self.data)


def feed_during(parser: RequestParser, act: Callable[[], object]) -> tuple[list[Any], list[object]]:
    """The events of one feed() of 16, and what `act` returned or raised inside it."""
    seen: list[object] = []

    def act_once() -> None:
        if not seen:
            try:
                seen.append(act())
            except RuntimeError as error:
                seen.append(error)

    if sys.version_info >= (3, 12):
        return parser.feed(Meddling(MANY * 8, act_once)), seen

    # Before Python 3.12 a garbage collection could run anything anywhere.
    def on_collection(phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            act_once()

    data = memoryview(MANY * 8)
    thresholds = gc.get_threshold()
    gc.collect()
    gc.callbacks.append(on_collection)
    gc.set_threshold(1)
    try:
        return parser.feed(data), seen
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(on_collection)


CALLS: dict[str, Callable[[RequestParser], object]] = {
    "feed": lambda parser: parser.feed(GET),
    "feed_eof": lambda parser: parser.feed_eof(),
    "resume": lambda parser: parser.resume(),
    "reset": lambda parser: parser.reset(),
    "switch": lambda parser: parser.switch(),
    "leftover": lambda parser: parser.leftover,
    "__init__": lambda parser: RequestParser.__init__(parser),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_parser_inside_itself_is_refused(name: str) -> None:
    parser = RequestParser()
    events, seen = feed_during(parser, lambda: CALLS[name](parser))
    assert isinstance(seen[0], RuntimeError), seen
    assert "each thread" in str(seen[0])
    assert len(events) == 16
    assert join(parser.feed(GET)) == [request(), "end"]


@pytest.mark.parametrize("name", ["feed", "reset"])
def test_another_thread_inside_the_same_parser_is_refused(name: str) -> None:
    parser = RequestParser()
    refusals: list[RuntimeError] = []

    def meddle() -> None:
        with pytest.raises(RuntimeError) as caught:
            CALLS[name](parser)
        refusals.append(caught.value)

    def in_a_thread() -> None:
        thread = threading.Thread(target=meddle)
        thread.start()
        thread.join()

    events, _ = feed_during(parser, in_a_thread)
    assert len(refusals) == 1
    assert len(events) == 16


def test_a_parser_for_each_thread() -> None:
    expected = join(RequestParser().feed(MANY * 4))
    outcomes: list[bool] = []

    def work() -> None:
        parser = RequestParser()
        outcomes.extend(join(parser.feed(MANY * 4)) == expected for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert outcomes == [True] * 200


# -- memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MESSAGES)
def test_memory_stays_flat(name: str) -> None:
    assert growth(name, 20_000) < 64 * 1024


@pytest.mark.parametrize("interface", ["batch", "callbacks"])
def test_a_million_requests_leave_nothing_behind(interface: str) -> None:
    data = MANY_SMALL * 100
    parser = RequestParser() if interface == "batch" else None
    callbacks = httpparser.HttpRequestParser(Counting())
    parse = callbacks.feed_data if parser is None else parser.feed
    shared = [END, b"host", RequestHead, Counting, *parse.__self__.__class__.__mro__]

    def state() -> tuple[int, list[int], int]:
        gc.collect()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return sys.getallocatedblocks(), [sys.getrefcount(kept) for kept in shared], resident

    for _ in range(3):
        parse(data)
    blocks, references, resident = state()
    for _ in range(1_000_000 // 500):
        parse(data)
    after = state()
    assert after[0] - blocks < 50
    assert after[1] == references
    assert after[2] - resident < 1024  # KiB
    assert Counting.ended == (0 if parser else 1_001_500)


def test_names_and_pairs_keep_their_reference_counts() -> None:
    parser = RequestParser()
    message = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/refcount\r\nX-Not-Known: b\r\n\r\n"
    for _ in range(3):
        (head, _) = parser.feed(message)
    assert isinstance(head, RequestHead)
    kept = [(pair, *pair) for pair in head.headers[:2]]
    before = [[sys.getrefcount(part) for part in parts] for parts in kept]
    for _ in range(1000):
        parser.feed(message)
    assert [[sys.getrefcount(part) for part in parts] for parts in kept] == before


def test_a_failed_parser_does_not_keep_itself_alive() -> None:
    class Tracked(RequestParser):
        pass

    def fail() -> "weakref.ref[Tracked]":
        parser = Tracked()
        with pytest.raises(HttpParserError):
            parser.feed(b"GET / HTTP/1.1\r\nA b\r\n\r\n")
        with pytest.raises(HttpParserError):
            parser.feed(GET)
        return weakref.ref(parser)

    gc.collect()
    gc.disable()
    try:
        assert fail()() is None
    finally:
        gc.enable()


def test_events_outlive_the_parser_and_the_input() -> None:
    body = b"b" * 10_000
    message = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n" + body
    events = RequestParser().feed(message[:])
    del message
    gc.collect()
    assert events[1] == body


# -- objects that were not made properly -----------------------------------------------------------


def test_what_new_alone_makes_does_not_crash() -> None:
    for kind in (
        httpparser.RequestHead,
        httpparser.ResponseHead,
        httpparser.Trailers,
        httpparser.Chunk,
        httpparser.URL,
        httpparser.Limits,
    ):
        made = kind.__new__(kind)
        repr(made)
        for attribute in dir(made):
            getattr(made, attribute)
    for name in ("_parser.Parser", "_events.BatchParser", "_output.Output"):
        module, _, kind_name = name.partition(".")
        made = getattr(importlib.import_module(f"httpparser.http1.{module}"), kind_name)()
        for attribute in dir(made):
            getattr(made, attribute)


@pytest.mark.parametrize("kind", [RequestParser, ResponseParser])
def test_parsers_and_heads_are_not_copied(kind: type) -> None:
    import copy
    import pickle

    with pytest.raises(TypeError):
        copy.copy(kind())
    with pytest.raises(TypeError):
        pickle.dumps(kind())


def test_subclasses_may_forget_to_call_init() -> None:
    class Careless(ResponseParser):
        def __init__(self) -> None:
            pass

    assert len(Careless().feed(b"HTTP/1.1 204 No Content\r\n\r\n")) == 2


# -- interpreters and the GIL ----------------------------------------------------------------------

SUB_INTERPRETER = """
try:
    import _interpreters
    kinds = ["isolated", "legacy"]
except ImportError:
    import _xxsubinterpreters as _interpreters
    kinds = [{{}}]
{first}
code = '''
try:
    import httpparser
except ImportError as error:
    assert str(error) == "httpparser works in the main interpreter only: import it there, not in a sub-interpreter"
else:
    raise SystemError("httpparser was imported")
'''
for kind in kinds:
    interpreter = _interpreters.create(*([kind] if kind else []))
    failed = _interpreters.run_string(interpreter, code)
    assert failed is None, failed
    _interpreters.destroy(interpreter)
import httpparser
print(httpparser.RequestParser().feed(b"GET / HTTP/1.0\\r\\n\\r\\n"))
"""


@pytest.mark.parametrize("first", ["import httpparser", ""], ids=["after the main one", "first"])
def test_sub_interpreters_are_refused(first: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SUB_INTERPRETER.format(first=first)],
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "[<RequestHead GET b'/' HTTP/1.0>, END]\n"


def test_interpreters_of_the_standard_library_are_refused() -> None:
    interpreters = pytest.importorskip("concurrent.interpreters")
    interpreter = interpreters.create()
    with pytest.raises(interpreters.ExecutionFailed, match="in the main interpreter only"):
        interpreter.exec("import httpparser")
    interpreter.close()


def slots(module: Any) -> dict[int, int]:
    """A module's definition slots: PEP 489, and PEP 703's Py_mod_gil."""

    class Slot(ctypes.Structure):
        _fields_ = (("number", ctypes.c_int), ("value", ctypes.c_void_p))

    class Definition(ctypes.Structure):
        _fields_ = (
            ("base", ctypes.c_byte * (ctypes.sizeof(ctypes.c_void_p) * 3 + object.__basicsize__)),
            ("name", ctypes.c_char_p),
            ("doc", ctypes.c_char_p),
            ("size", ctypes.c_ssize_t),
            ("methods", ctypes.c_void_p),
            ("slots", ctypes.POINTER(Slot)),
        )

    get = ctypes.pythonapi.PyModule_GetDef
    get.restype = ctypes.POINTER(Definition)
    get.argtypes = [ctypes.py_object]
    found: dict[int, int] = {}
    definition = get(module).contents
    index = 0
    while definition.slots[index].number:
        found[definition.slots[index].number] = definition.slots[index].value or 0
        index += 1
    return found


def test_every_module_declares_that_it_needs_no_gil_and_none_several_interpreters() -> None:
    py_mod_multiple_interpreters, py_mod_gil = 3, 4
    not_supported, not_used = 0, 1
    names = [found.name for found in pkgutil.walk_packages(httpparser.__path__, "httpparser.")]
    compiled = 0
    for name in names:
        module = importlib.import_module(name)
        if not str(module.__file__).endswith((".so", ".pyd")):
            continue
        compiled += 1
        declared = slots(module)
        # Cython writes the slots only where they change something.
        if name != "httpparser._cpu":  # loads in each interpreter, to say why the others do not
            assert declared.get(py_mod_multiple_interpreters, not_supported) == not_supported, name
        if sysconfig.get_config_var("Py_GIL_DISABLED"):
            assert declared[py_mod_gil] == not_used, name
        else:  # Cython leaves it out where there always is a GIL
            assert declared.get(py_mod_gil, not_used) == not_used, name
    assert compiled == 11


def test_unused_headers_iterators_are_let_go() -> None:
    class Field:
        def __iter__(self) -> Iterator[Any]:
            raise KeyboardInterrupt

    reference = weakref.ref(field := Field())
    with pytest.raises(KeyboardInterrupt):
        write_response_head(200, [field])  # type: ignore[list-item]
    del field
    gc.collect()
    assert reference() is None
