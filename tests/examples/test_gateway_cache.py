"""The cache of examples/gateway: the rules of RFC 9111, its stores, and the gateway for a client."""

import asyncio
from email.utils import formatdate

import pytest
from raw_upstream import RawUpstream, response
from real_redis import RealRedis, needs_redis

from examples.gateway import cache
from examples.gateway.cache import Cache, Entry, may_keep
from examples.gateway.request import Request
from examples.gateway.settings import Settings
from examples.gateway.stores import OVERHEAD, MemoryStore

NOW = 1_700_000_000.0


@pytest.fixture
def clock(monkeypatch):
    clock = [NOW]
    monkeypatch.setattr(cache, "time", lambda: clock[0])
    return clock


def date(seconds):
    return formatdate(NOW + seconds, usegmt=True).encode()


def request(*headers, method="GET", target=b"/"):
    scope = {
        "method": method,
        "raw_path": target,
        "query_string": b"",
        "headers": [(b"host", b"a"), *headers],
        "client": None,
        "scheme": "http",
        "http_version": "1.1",
    }
    return Request(scope, None)


def control(text):
    return b"cache-control", text


FRESH = [control(b"max-age=60")]


@pytest.mark.parametrize(
    ("asked", "status", "headers", "kept"),
    [
        ([], 200, FRESH, True),
        ([], 404, FRESH, True),
        ([], 200, [], False),
        ([], 200, [(b"expires", date(60))], True),
        ([], 200, [(b"etag", b'"1"'), control(b"no-cache")], True),
        ([], 200, [control(b"max-age=60, no-store")], False),
        ([], 200, [control(b"max-age=60"), control(b"Private")], False),
        ([], 200, [*FRESH, (b"set-cookie", b"a=1")], False),
        ([], 200, [*FRESH, (b"vary", b"accept")], True),
        ([], 200, [*FRESH, (b"vary", b"accept, *")], False),
        ([], 206, FRESH, False),
        ([], 304, FRESH, False),
        ([], 500, FRESH, False),
        ([control(b"no-store")], 200, FRESH, False),
        ([(b"range", b"bytes=0-1")], 200, FRESH, False),
        ([(b"content-length", b"1")], 200, FRESH, False),
        ([(b"authorization", b"a")], 200, FRESH, False),
        ([(b"authorization", b"a")], 200, [control(b"public, max-age=60")], True),
        ([(b"authorization", b"a")], 200, [control(b"s-maxage=60")], True),
    ],
)
def test_what_may_be_kept(clock, asked, status, headers, kept):
    assert may_keep(request(*asked), status, headers) == kept


def test_other_methods_are_not_kept():
    assert not may_keep(request(method="POST"), 200, FRESH)
    assert not may_keep(request(method="HEAD"), 200, FRESH)


@pytest.mark.parametrize(
    ("headers", "lifetime", "age"),
    [
        (FRESH, 60, 0),
        ([control(b"max-age=60, s-maxage=30")], 30, 0),
        ([control(b'max-age="60"')], 60, 0),
        ([control(b"max-age=x")], 0, 0),
        ([control(b"max-age=-1")], 0, 0),
        ([control(b"max-age=" + b"9" * 5000)], 0, 0),
        ([*FRESH, (b"age", b"20")], 60, 20),
        ([*FRESH, (b"date", date(-10))], 60, 10),
        ([*FRESH, (b"date", date(-10)), (b"age", b"20")], 60, 20),
        ([*FRESH, (b"date", date(10))], 60, 0),  # a clock that is ahead
        ([*FRESH, (b"date", b"yesterday")], 60, 0),
        ([(b"expires", date(60))], 60, 0),
        ([(b"expires", date(60)), (b"date", date(-10))], 70, 10),
        ([(b"expires", b"0")], 0, 0),
        ([(b"expires", date(60)), control(b"max-age=5")], 5, 0),
        ([control(b"no-cache, max-age=60")], 0, 0),
        ([], 0, 0),
    ],
)
def test_freshness(clock, headers, lifetime, age):
    found, since = cache.freshness(headers)
    assert (found, NOW - since) == (lifetime, age)


@pytest.mark.parametrize(
    ("asked", "fresh"),
    [
        ([], True),
        ([control(b"no-cache")], False),
        ([control(b"max-age=0")], False),
        ([control(b"max-age=10")], True),
        ([control(b"max-age=9")], False),
        ([control(b"min-fresh=40")], True),
        ([control(b"min-fresh=50")], False),
        ([(b"pragma", b"no-cache")], False),
    ],
)
def test_what_a_client_wants(clock, asked, fresh):
    entry = Entry(200, FRESH, b"", NOW - 10, 60)
    assert entry.is_fresh_for(request(*asked)) == fresh


def test_it_gets_stale(clock):
    entry = Entry(200, FRESH, b"", NOW, 60)
    clock[0] += 59
    assert entry.is_fresh_for(request())
    assert dict(entry.answer_to(request())[1])[b"age"] == b"59"
    clock[0] += 1
    assert not entry.is_fresh_for(request())


CHANGED = (b"last-modified", date(-100))


@pytest.mark.parametrize(
    ("asked", "headers", "status"),
    [
        ([(b"if-none-match", b'"1"')], [(b"etag", b'"1"')], 304),
        ([(b"if-none-match", b'"0", W/"1"')], [(b"etag", b'"1"')], 304),
        ([(b"if-none-match", b"*")], [], 304),
        ([(b"if-none-match", b'"2"')], [(b"etag", b'"1"')], 200),
        ([(b"if-none-match", b'"2"'), (b"if-modified-since", date(0))], [CHANGED], 200),
        ([(b"if-modified-since", date(-100))], [CHANGED], 304),
        ([(b"if-modified-since", date(-101))], [CHANGED], 200),
        ([(b"if-modified-since", b"x")], [CHANGED], 200),
        ([(b"if-modified-since", date(0))], [], 200),
    ],
)
def test_what_the_client_has(asked, headers, status):
    entry = Entry(200, headers, b"body", NOW, 60)
    answer = entry.answer_to(request(*asked))
    assert answer[0] == status
    assert answer[2] == (b"" if status == 304 else b"body")


def test_an_entry_as_bytes():
    entry = Entry(200, [(b"a", b"\xff\x00"), (b"b", b'"')], b"\n{}\n\x00", 1.5, 60)
    other = Entry.unpacked(entry.packed())
    assert vars(other) == vars(entry)


def test_variants_and_invalidation():
    async def main():
        store = MemoryStore(1 << 20)
        kept = Cache(store, Settings())
        english, german = (request((b"accept-language", each)) for each in (b"en", b"de"))
        headers = [*FRESH, (b"vary", b"Accept-Language")]
        await kept.keep(english, 200, headers, b"hello")
        assert await kept.find(german) is None
        await kept.keep(german, 200, headers, b"hallo")
        assert (await kept.find(english)).body == b"hello"
        assert (await kept.find(german)).body == b"hallo"
        await kept.invalidate(request(method="POST"), 500)
        assert await kept.find(english)
        await kept.invalidate(request(method="POST"), 303)
        assert await kept.find(english) is None
        await kept.keep(english, 200, headers, b"hello again")
        assert await kept.find(german) is None  # that of before does not come back

    asyncio.run(main())


def test_memory_is_bounded():
    async def main():
        store = MemoryStore(10 * (100 + 1 + OVERHEAD))
        for number in range(10):
            await store.set(b"%d" % number, b"x" * 100, 60)
        assert await store.get(b"0")
        await store.set(b"a", b"x" * 100, 60)
        assert await store.get(b"0")
        assert await store.get(b"1") is None
        assert store.size == store.limit
        await store.set(b"b", b"x" * 5000, 60)  # larger than all of it
        assert store.size == 0
        await store.set(b"c", b"x", -1)
        assert await store.get(b"c") is None
        assert store.size == 0

    asyncio.run(main())


# With a client


@pytest.fixture(scope="module")
def upstream():
    with RawUpstream(response()) as upstream:
        yield upstream


@pytest.fixture(scope="module", params=["memory", "redis"])
def gateway(request, serve, upstream):
    settings = {"GATEWAY_UPSTREAMS": upstream.url, "GATEWAY_RATE": "0"}
    settings["GATEWAY_CACHE_ENTRY_BYTES"] = "300000"
    if request.param == "memory":
        yield serve("examples.gateway:app", "--no-access-log", **settings)
    elif needs_redis.args[0]:
        pytest.skip(needs_redis.kwargs["reason"])
    else:
        with RealRedis() as redis:
            yield serve(
                "examples.gateway:app", "--no-access-log", GATEWAY_REDIS=redis.url, **settings
            )


@pytest.fixture
def get(gateway, upstream, request):
    """Of a path of this test alone."""

    def get(path="", method="GET", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return gateway.client.request(
            method,
            f"/{request.node.name}{path}".replace("[", "/").replace("]", ""),
            headers=headers,
        )

    return get


def state(answer):
    return answer.headers["cache-status"]


@pytest.mark.parametrize("size", [5, 70_000, 250_000])
def test_a_hit(get, upstream, size):
    upstream.give(
        response(b"x" * size, b"Cache-Control: max-age=60", b"X-A: \xe9"), response(b"no")
    )
    first, second = get(), get()
    assert first.text == second.text == "x" * size
    assert (state(first), state(second)) == ("gateway; fwd=miss", "gateway; hit")
    assert int(second.headers["age"]) < 60
    assert second.headers["x-a"] == "é"
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(upstream.requests) == 1
    assert get(method="HEAD").headers["content-length"] == str(size)
    assert get("?other").text == "no"


def test_too_large_for_the_cache(get, upstream):
    upstream.give(response(b"x" * 400_000, b"Cache-Control: max-age=60"))
    assert get().text == get().text == "x" * 400_000
    assert len(upstream.requests) == 2


def test_a_chunked_response_is_kept(get, upstream):
    head = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n"
    upstream.give(head + b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", response(b"no"))
    assert get().text == get().text == "abcd"


def test_validation(get, upstream):
    upstream.give(
        response(b"body", b"Cache-Control: max-age=0", b'ETag: "1"', b"X-Old: 1"),
        b'HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\nETag: "1"\r\nX-New: 1\r\n\r\n',
    )
    assert state(get()) == "gateway; fwd=miss"
    second = get()
    assert (second.status_code, second.text) == (200, "body")
    assert (second.headers["x-old"], second.headers["x-new"]) == ("1", "1")
    assert state(second) == "gateway; fwd=stale"
    assert b'if-none-match: "1"\r\n' in upstream.requests[1]
    assert state(get()) == "gateway; hit"
    assert get(if_none_match='W/"1"').status_code == 304


def test_validation_by_date_that_brings_a_new_body(get, upstream):
    changed = date(-1000)
    upstream.give(
        response(b"old", b"Cache-Control: no-cache", b"Last-Modified: " + changed),
        response(b"new", b"Cache-Control: max-age=60"),
    )
    assert [get().text for _ in range(3)] == ["old", "new", "new"]
    assert b"if-modified-since: " + changed in upstream.requests[1]


def test_a_client_that_validates_itself_is_let_through(get, upstream):
    upstream.give(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n')
    assert get(if_none_match='"1"').status_code == 304
    assert b'if-none-match: "1"\r\n' in upstream.requests[0]


def test_a_post_makes_it_stale(get, upstream):
    kept = b"Cache-Control: max-age=60"
    upstream.give(response(b"1", kept), response(b"posted"), response(b"2", kept))
    assert [get().text, get().text] == ["1", "1"]
    assert get(method="POST").text == "posted"
    assert [get().text, get().text] == ["2", "2"]


def test_an_expired_entry_is_not_answered_with(get, upstream):
    upstream.give(response(b"1", b"Cache-Control: max-age=60", b"Age: 60"), response(b"2"))
    assert [get().text, get().text] == ["1", "2"]


@needs_redis
def test_gateways_share_redis_and_do_without(serve, upstream):
    with RealRedis() as redis:
        settings = {"GATEWAY_UPSTREAMS": upstream.url, "GATEWAY_REDIS": redis.url}
        one, two = (serve("examples.gateway:app", **settings) for _ in range(2))
        upstream.give(response(b"1", b"Cache-Control: max-age=60"), response(b"2"))
        host = {"Host": "site.example"}
        answers = [each.client.get("/", headers=host).text for each in (one, two)]
        assert answers == ["1", "1"]
        redis.kill()
        assert two.client.get("/", headers=host).text == "2"
        assert two.expect("Redis is away")


def test_without_a_cache(serve, upstream):
    gateway = serve("examples.gateway:app", GATEWAY_UPSTREAMS=upstream.url, GATEWAY_CACHE_BYTES="0")
    upstream.give(response(b"1", b"Cache-Control: max-age=60"), response(b"2"))
    answers = [gateway.client.get("/") for _ in range(2)]
    assert [each.text for each in answers] == ["1", "2"]
    assert "cache-status" not in answers[0].headers
