"""parse_url, example by example, then beside httptools 0.9.0 and the standard library."""

import array
import re
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from httpparser import URL, HttpParserInvalidURLError, parse_url

PARTS = ["schema", "userinfo", "host", "port", "path", "query", "fragment"]
# Accepted here and refused by httptools, on purpose: RFC 9112 3.2.3.
AUTHORITY_FORM = re.compile(rb"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+(%[\w.~%-]+)?\]):[0-9]+")


def parts(url: Any) -> dict[str, bytes | int]:
    """The parts that are there."""
    return {name: part for name in PARTS if (part := getattr(url, name)) is not None}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/", {"path": b"/"}),
        (b"/a/b?c=d&e", {"path": b"/a/b", "query": b"c=d&e"}),
        (b"/a?b?c#d", {"path": b"/a", "query": b"b?c", "fragment": b"d"}),
        (b"/a#b?c#d", {"path": b"/a", "fragment": b"b?c#d"}),
        (b"//a/b", {"path": b"//a/b"}),
        (b"/a:b@c[d]", {"path": b"/a:b@c[d]"}),
        (b"*", {"path": b"*"}),
        (b"/?", {"path": b"/"}),
        (b"/?#", {"path": b"/"}),
        (b"/#", {"path": b"/"}),
        (b"/##a", {"path": b"/", "fragment": b"a"}),
        (b"/??", {"path": b"/", "query": b"?"}),
        (b"http://a", {"schema": b"http", "host": b"a"}),
        (b"http://a?b", {"schema": b"http", "host": b"a", "query": b"b"}),
        (b"HTTPS://A.b-c:0443/", {"schema": b"HTTPS", "host": b"A.b-c", "port": 443, "path": b"/"}),
        (
            b"http://u:p@a:1/b?c#d",
            {
                "schema": b"http",
                "userinfo": b"u:p",
                "host": b"a",
                "port": 1,
                "path": b"/b",
                "query": b"c",
                "fragment": b"d",
            },
        ),
        (b"http://@a", {"schema": b"http", "host": b"a"}),
        (b"http://:@a", {"schema": b"http", "userinfo": b":", "host": b"a"}),
        (b"http://a:0", {"schema": b"http", "host": b"a", "port": 0}),
        (b"http://a:65535", {"schema": b"http", "host": b"a", "port": 65535}),
        (b"http://[::1]", {"schema": b"http", "host": b"::1"}),
        (b"s://[::1.2.3.4]:8/", {"schema": b"s", "host": b"::1.2.3.4", "port": 8, "path": b"/"}),
        (b"ws://u@[::%25a-1]", {"schema": b"ws", "userinfo": b"u", "host": b"::%25a-1"}),
        (b"a.b:443", {"host": b"a.b", "port": 443}),
        (b"127.0.0.1:80", {"host": b"127.0.0.1", "port": 80}),
        (b"[::1]:443", {"host": b"::1", "port": 443}),
        (b"http:80", {"host": b"http", "port": 80}),
    ],
)
def test_accepted(target: bytes, expected: dict[str, bytes | int]) -> None:
    assert parts(parse_url(target)) == expected


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"a",
        b"a/b",
        b"?a",
        b"#a",
        b"/ ",
        b" /",
        b"/\t",
        b"/\r\n",
        b"/\0",
        b"/\x7f",
        b"/\xc3\xa9",
        b"http",
        b"http:",
        b"http:/a",
        b"http://",
        b"http:///a",
        b"http://?a",
        b"http://a#b",
        b"http://u@",
        b"http://u@/",
        b"http://a@b@c",
        b"http://u[@a",
        b"http://a_b",
        b"http://a%20b",
        b"http://:1",
        b"http://a:",
        b"http://a:/",
        b"http://a:b",
        b"http://a:1:2",
        b"http://a:65536",
        b"http://a:" + b"9" * 40,
        b"http://[",
        b"http://[]",
        b"http://[::1",
        b"http://[::1]a",
        b"http://[::1]]",
        b"http://[g::1]",
        b"http://[::1%]",
        b"http://[%a]",
        b"h2c://a",
        b"://a",
        b"a:",
        b":1",
        b"a:b",
        b"a:1/",
        b"u@a:1",
        b"[::1]",
    ],
)
def test_refused(target: bytes) -> None:
    with pytest.raises(HttpParserInvalidURLError) as caught:
        parse_url(target)
    assert str(caught.value) == f"invalid url {target!r}"
    assert caught.value.code == "HPE_INVALID_URL"
    with pytest.raises(httptools.HttpParserInvalidURLError):
        httptools.parse_url(target)


def test_no_length_is_truncated() -> None:
    # httptools counts in 16 bits and refuses what is longer.
    long = b"x" * 70_000
    whole = b"http://" + long + b"@" + long + b":1/" + long + b"?" + long + b"#" + long
    assert parts(parse_url(whole)) == {
        "schema": b"http",
        "userinfo": long,
        "host": long,
        "port": 1,
        "path": b"/" + long,
        "query": long,
        "fragment": long,
    }


@pytest.mark.parametrize(
    "target",
    [
        bytearray(b"/a?b"),
        memoryview(b"/a?b"),
        memoryview(b"x/a?bx")[1:-1],
        array.array("H", b"/a?b"),
    ],
    ids=lambda target: type(target).__name__,
)
def test_any_contiguous_buffer(target: bytearray) -> None:
    assert parts(parse_url(target)) == {"path": b"/a", "query": b"b"}


@pytest.mark.parametrize("target", ["/", None, 1])
def test_what_is_not_a_buffer_is_refused(target: Any) -> None:
    with pytest.raises(TypeError, match="bytes-like"):
        parse_url(target)


def test_a_buffer_with_gaps_is_refused() -> None:
    with pytest.raises(BufferError, match="contiguous"):
        parse_url(memoryview(b"/?a?b?")[::2])


def test_a_bytearray_is_free_again() -> None:
    for target in (bytearray(b"/a"), bytearray(b" ")):
        with suppress(HttpParserInvalidURLError):
            parse_url(target)
        target.clear()


def test_url_is_made_by_position_and_read_only() -> None:
    url = URL(b"s", b"h", 1, b"/", b"q", b"f", b"u")
    assert parts(url) == parts(parse_url(b"s://u@h:1/?q#f"))
    assert repr(url) == (
        "<URL schema: b's', host: b'h', port: 1, path: b'/', query: b'q', fragment: b'f', "
        "userinfo: b'u'>"
    )
    assert parts(URL(None, None, None, None, None, None, None)) == {}
    for name in PARTS:
        with pytest.raises(AttributeError):
            setattr(url, name, None)


# --- beside others ---------------------------------------------------------------------------

words = rb"http :// : / // ? # @ [ ] % * a Z9 . - _ ~ ::1 f 80 65536 ; & ' \ ^ { http://a /a?b"
tokens = st.sampled_from(
    [*words.split(), b'"', b" ", b"\t", b"\x7f", b"\x80", b"\0", b"http://u@[::1]:8"]
)
targets = st.one_of(st.lists(tokens, max_size=9).map(b"".join), st.binary(max_size=20))


@given(targets)
@example(b"http://a#b")
@example(b"http://[::1%a@b]/")
@settings(deadline=None, max_examples=1500)
def test_as_httptools(target: bytes) -> None:
    try:
        theirs = parts(httptools.parse_url(target))
    except httptools.HttpParserInvalidURLError:
        if not AUTHORITY_FORM.fullmatch(target) or int(target.rpartition(b":")[2]) > 65535:
            with pytest.raises(HttpParserInvalidURLError):
                parse_url(target)
    else:
        assert parts(parse_url(target)) == theirs


letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
visible = "".join(map(chr, range(0x21, 0x7F)))
ports = st.one_of(st.just(""), st.integers(0, 65535).map(lambda port: f":{port}"))
hosts = st.one_of(
    st.text(letters + "0123456789.-", min_size=1),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
users = st.one_of(st.just(""), st.text(letters + "0123456789-._~!$&'()*+,;=:%").map("{}@".format))
paths = st.text(visible.replace("?", "").replace("#", "")).map("/{}".format)
queries = st.one_of(st.just(""), st.text(visible.replace("#", "")).map("?{}".format))
fragments = st.one_of(
    st.just(""), st.text(visible).filter(lambda text: text[:1] != "#").map("#{}".format)
)


@given(st.text(letters, min_size=1), users, hosts, ports, paths, queries, fragments)
@settings(deadline=None)
def test_absolute_form_as_urlsplit(
    schema: str, user: str, host: str, port: str, path: str, query: str, fragment: str
) -> None:
    target = f"{schema}://{user}{host}{port}{path}{query}{fragment}"
    split, url = urlsplit(target), parse_url(target.encode())
    assert (url.schema or b"").decode().lower() == split.scheme
    assert (url.userinfo or b"").decode() == split.netloc.rpartition("@")[0]
    assert (url.host or b"").decode().lower() == split.hostname
    assert url.port == split.port
    assert (url.path or b"").decode() == split.path
    assert (url.query or b"").decode() == split.query
    assert (url.fragment or b"").decode() == split.fragment


@given(paths.filter(lambda path: not path.startswith("//")), queries, fragments)
@settings(deadline=None)
def test_origin_form_as_urlsplit(path: str, query: str, fragment: str) -> None:
    target = path + query + fragment
    split, url = urlsplit(target), parse_url(target.encode())
    assert (url.schema, url.userinfo, url.host, url.port) == (None, None, None, None)
    assert (url.path or b"").decode() == split.path
    assert (url.query or b"").decode() == split.query
    assert (url.fragment or b"").decode() == split.fragment


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize(
    "target", [b"http://user@host:80/path?query#part", b"host:80", b"/path#part"]
)
def test_without_memory(kind: type[bytes | bytearray], target: bytes) -> None:
    """MemoryError, and never an error of the target or a part that is missing."""
    _testcapi = pytest.importorskip("_testcapi")
    whole = parse_url(target)
    url = kind(target)
    failures = 0
    for number in range(12):
        _testcapi.set_nomemory(number, number + 1)
        try:
            found = parse_url(url)
        except MemoryError:
            found = None
        finally:
            _testcapi.remove_mem_hooks()
        failures += found is None
        assert found is None or parts(found) == parts(whole)
        if isinstance(url, bytearray):
            url.append(0)  # BufferError if it is still in use
            url.pop()
    assert failures
