"""X-Forwarded-For and the like, and Forwarded: from trusted proxies only."""

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from serving import without_stamps
from websockets.sync.client import connect

from fastserve import Config, ConfigError
from fastserve.forwarded import elements
from fastserve.proxy import FORWARDED, Proxies

PROXY = ("10.0.0.1", 4000)


def told(allowed, *headers, scheme="http", client=PROXY):
    scope = {"scheme": scheme, "client": client, "headers": list(headers)}
    Proxies(allowed).apply(scope)
    return scope["scheme"], scope["client"]


def forwarded_for(value):
    return (b"x-forwarded-for", value)


@pytest.mark.parametrize(
    ("allowed", "client", "trusted"),
    [
        ("", PROXY, False),
        ("10.0.0.1", PROXY, True),
        ("10.0.0.2", PROXY, False),
        ("192.0.2.1, 10.0.0.0/8", PROXY, True),
        ("10.0.0.0/8", ("::ffff:10.1.2.3", 1), True),
        ("2001:db8::/32", ("2001:db8::7", 1), True),
        ("*", PROXY, True),
        ("*", None, True),
        ("unix", None, True),
        ("unix", ["/tmp/client", None], True),
        ("unix", PROXY, False),
        ("10.0.0.0/8", None, False),
        ("10.0.0.1", ("not an address", 0), False),
    ],
)
def test_who_is_trusted(allowed, client, trusted):
    assert Proxies(allowed).trust(client) is trusted


@pytest.mark.parametrize(
    ("allowed", "value", "client"),
    [
        ("10.0.0.1", b"192.0.2.7", ("192.0.2.7", 0)),
        ("10.0.0.1", b"192.0.2.7:5000", ("192.0.2.7", 5000)),
        ("10.0.0.1", b"2001:db8::1", ("2001:db8::1", 0)),
        ("10.0.0.1", b"[2001:db8::1]:99", ("2001:db8::1", 99)),
        ("10.0.0.1", b"[2001:db8::1]", ("2001:db8::1", 0)),
        ("10.0.0.1", b"6.6.6.6, 192.0.2.7", ("192.0.2.7", 0)),  # the client's own invention first
        ("10.0.0.0/8", b"6.6.6.6, 192.0.2.7, 10.9.9.9", ("192.0.2.7", 0)),
        ("10.0.0.0/8", b"10.1.1.1, 10.2.2.2", ("10.1.1.1", 0)),
        ("10.0.0.0/8", b"unknown, 10.2.2.2", ("10.2.2.2", 0)),
        ("*", b"6.6.6.6, 192.0.2.7", ("6.6.6.6", 0)),
        ("10.0.0.1", b"unknown", PROXY),
        ("10.0.0.1", b"", PROXY),
        ("10.0.0.1", b"192.0.2.7:http", ("192.0.2.7", 0)),
        ("10.0.0.1", b"192.0.2.7:999999", ("192.0.2.7", 0)),
        ("10.0.0.1", b"\xff\xfe", PROXY),
    ],
)
def test_the_client_is_the_nearest_that_is_not_a_proxy(allowed, value, client):
    assert told(allowed, forwarded_for(value)) == ("http", client)


def test_several_fields_are_one_list():
    fields = [forwarded_for(b"6.6.6.6"), forwarded_for(b"192.0.2.7"), forwarded_for(b"10.0.0.9")]
    assert told("10.0.0.0/8", *fields) == ("http", ("192.0.2.7", 0))


@pytest.mark.parametrize(
    ("value", "scheme"),
    [(b"https", "https"), (b"HTTPS", "https"), (b"wss", "https"), (b"http", "http"),
     (b"https, http", "http"), (b"ftp", "http"), (b"", "http")],
)  # fmt: skip
def test_the_scheme(value, scheme):
    assert told("10.0.0.1", (b"x-forwarded-proto", value)) == (scheme, PROXY)


# -- the host


def host_told(*headers, own=b"inside:8000", scheme="http", **options):
    """The Host header that the app gets."""
    scope = {"scheme": scheme, "client": PROXY, "headers": [(b"host", own), *headers]}
    Proxies("10.0.0.1", **{"host": True, **options}).apply(scope)
    (host,) = [value for name, value in scope["headers"] if name == b"host"]
    assert scope["headers"][1:] == list(headers)
    return host


@pytest.mark.parametrize(
    ("host", "port", "proto", "told"),
    [
        (b"example.org", None, None, b"example.org"),
        (b"example.org:8443", None, None, b"example.org:8443"),
        (b"evil.example, example.org", None, None, b"example.org"),
        (b"example.org", b"8443", b"https", b"example.org:8443"),
        (b"example.org", b"443", b"https", b"example.org"),
        (b"example.org", b"80", None, b"example.org"),
        (b"example.org", b"443", None, b"example.org:443"),
        (b"example.org:8443", b"443", b"https", b"example.org:8443"),
        (b"[2001:db8::1]", b"8443", b"https", b"[2001:db8::1]:8443"),
        (b"example.org", b"http", None, b"example.org"),
        (b"", None, None, b"inside:8000"),
        (b"a b", None, None, b"inside:8000"),
        (b"example.org/path", None, None, b"inside:8000"),
        (b"user@example.org", None, None, b"inside:8000"),
        (b"\xff", None, None, b"inside:8000"),
        (b"x" * 300, None, None, b"inside:8000"),
    ],
)
def test_the_host(host, port, proto, told):
    fields = {b"x-forwarded-host": host, b"x-forwarded-port": port, b"x-forwarded-proto": proto}
    assert (
        host_told(*((name, value) for name, value in fields.items() if value is not None)) == told
    )


def test_the_port_alone():
    assert host_told((b"x-forwarded-port", b"8443"), own=b"example.org") == b"example.org:8443"
    assert host_told((b"x-forwarded-port", b"8443")) == b"inside:8000"


def test_the_host_is_not_asked_for():
    assert host_told((b"x-forwarded-host", b"example.org"), host=False) == b"inside:8000"


def test_no_host_before():
    scope = {"scheme": "http", "client": PROXY, "headers": [(b"x-forwarded-host", b"a.example")]}
    Proxies("10.0.0.1", host=True).apply(scope)
    assert scope["headers"][0] == (b"host", b"a.example")


# -- RFC 7239


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("", []),
        (",, ,", []),
        ("for=192.0.2.43", [{"for": "192.0.2.43"}]),
        ("FOR=a;Proto=HTTP", [{"for": "a", "proto": "HTTP"}]),
        ("for=a, for=b;by=c", [{"for": "b", "by": "c"}, {"for": "a"}]),
        ("for=a;, ;for=b", [{"for": "b"}, {"for": "a"}]),
        ("for=a ; proto=http", [{"for": "a", "proto": "http"}]),
        ('for="[2001:db8::1]:4711"', [{"for": "[2001:db8::1]:4711"}]),
        ("for=[2001:db8::1]:4711", [{"for": "[2001:db8::1]:4711"}]),
        (r'for=a;x="a\"b\\,"', [{"for": "a", "x": 'a"b\\,'}]),
        ('x="a,b,c", for=b', [{"for": "b"}, {"x": "a,b,c"}]),
        ('for="evil, for=192.0.2.7;proto=https', [{"for": "192.0.2.7", "proto": "https"}]),
        ('for=a, for="evil", for="x, for=b', [{"for": "b"}]),
        ('a="x, for=";b="y", for=c', [{"for": "c"}, {"a": "x, for=", "b": "y"}]),
        ("for=a;for=b", []),
        ("for", []),
        ("for=", []),
        ("=a", []),
        ("for = a", []),
        ("for=a b", []),
        ('for="a', []),
        ('for="a"b', []),
        ("x=" + ",".join(["'"] * 20) + ",for=a", [{"for": "a"}]),
    ],
)
def test_the_elements_of_forwarded(field, found):
    assert list(elements(field)) == found


TOKENS = st.text("abcABC019!#$%&'*+-.^_`|~", min_size=1, max_size=8)
QUOTED = st.text('abc,;="\\ ', max_size=8)
PARAMETERS = st.dictionaries(TOKENS.map(str.lower), QUOTED, min_size=1, max_size=3)


def quote(value):
    return '"' + value.replace("\\", r"\\").replace('"', r"\"") + '"'


@settings(deadline=None)
@given(st.lists(PARAMETERS, min_size=1, max_size=4), st.text(max_size=20))
def test_what_proxies_add_is_read_whatever_is_before_it(added, invented):
    """But for commas beyond those that an element may have."""
    assume(all(sum(value.count(",") for value in each.values()) <= 16 for each in added))
    texts = [";".join(f"{name}={quote(value)}" for name, value in each.items()) for each in added]
    field = ",".join([invented, *texts])
    assert list(elements(field))[: len(added)] == added[::-1]


@settings(deadline=None)
@given(st.text('for=abc",;\\ \t=', max_size=60))
def test_any_field(field):
    for element in elements(field):
        assert all(element)


@pytest.mark.parametrize(
    "field",
    ["," * 16000, "a" * 16000, ",a" * 8000, ';"' * 8000, "a=b," * 4000, 'a="' + "\\," * 8000],
)
def test_a_long_field_costs_little(field):
    scope = {"scheme": "http", "client": PROXY, "headers": [(b"forwarded", field.encode())] * 4}
    Proxies("*", FORWARDED).apply(scope)
    assert scope["client"] == PROXY


def forwarded(allowed, *fields, **options):
    headers = [(b"host", b"inside"), *((b"forwarded", field) for field in fields)]
    scope = {"scheme": "http", "client": PROXY, "headers": headers}
    Proxies(allowed, FORWARDED, **options).apply(scope)
    return scope["client"], scope["scheme"], dict(scope["headers"])[b"host"]


@pytest.mark.parametrize(
    ("allowed", "fields", "client", "scheme", "host"),
    [
        ("10.0.0.1", [b"for=192.0.2.7"], ("192.0.2.7", 0), "http", b"inside"),
        ("10.0.0.1", [b'for="192.0.2.7:99"'], ("192.0.2.7", 99), "http", b"inside"),
        ("10.0.0.1", [b'for="[2001:db8::7]:99"'], ("2001:db8::7", 99), "http", b"inside"),
        ("10.0.0.1", [b"for=192.0.2.7;proto=https;host=a.example"], ("192.0.2.7", 0), "https", b"a.example"),
        # What the client has sent itself comes first.
        ("10.0.0.1", [b"for=6.6.6.6;host=evil, for=192.0.2.7"], ("192.0.2.7", 0), "http", b"inside"),
        ("10.0.0.1", [b"for=6.6.6.6;proto=https", b"for=192.0.2.7"], ("192.0.2.7", 0), "http", b"inside"),
        # Each trusted proxy is believed, and the first of them knows best.
        ("10.0.0.0/8", [b"for=192.0.2.7;proto=https;host=a.example, for=10.0.0.2;proto=http;host=b"],
         ("192.0.2.7", 0), "https", b"a.example"),
        ("10.0.0.0/8", [b"for=192.0.2.7, for=10.0.0.2;proto=https"], ("192.0.2.7", 0), "https", b"inside"),
        # RFC 7239 6.2, 6.3
        ("10.0.0.1", [b"for=unknown;proto=https"], PROXY, "https", b"inside"),
        ("10.0.0.1", [b"for=_hidden"], PROXY, "http", b"inside"),
        ("10.0.0.0/8", [b"for=_hidden;proto=https, for=10.0.0.2"], ("10.0.0.2", 0), "https", b"inside"),
        ("10.0.0.1", [b"proto=https"], PROXY, "https", b"inside"),
        ("*", [b"for=6.6.6.6;proto=https;host=evil, for=192.0.2.7;proto=http;host=a.example"],
         ("6.6.6.6", 0), "http", b"a.example"),
        ("10.0.0.1", [b"for=192.0.2.7;host=\"a b\""], ("192.0.2.7", 0), "http", b"inside"),
        ("10.0.0.1", [b"\xff\xfe"], PROXY, "http", b"inside"),
    ],
)  # fmt: skip
def test_forwarded(allowed, fields, client, scheme, host):
    assert forwarded(allowed, *fields, host=True) == (client, scheme, host)


def test_only_one_set_of_headers_is_believed():
    """A client sends those that the proxy does not overwrite."""
    headers = [
        (b"forwarded", b"for=192.0.2.1;proto=https"),
        (b"x-forwarded-for", b"192.0.2.2"),
        (b"x-forwarded-proto", b"https"),
    ]
    assert told("10.0.0.1", *headers[:1]) == ("http", PROXY)
    assert told("10.0.0.1", *headers) == ("https", ("192.0.2.2", 0))
    scope = {"scheme": "http", "client": PROXY, "headers": headers[1:]}
    Proxies("10.0.0.1", FORWARDED).apply(scope)
    assert (scope["scheme"], scope["client"]) == ("http", PROXY)


@pytest.mark.parametrize("value", ["10.0.0.256", "10.0.0.1/8", "proxy.example"])
def test_an_invalid_address_is_an_error(value):
    with pytest.raises(ConfigError, match=value):
        Config("app:app", forwarded_allow_ips=value)


# -- over the wire --------------------------------------------------------------------------------


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError
    said = json.dumps([scope["type"], scope["scheme"], scope["client"][0]])
    if scope["path"] == "/host":
        said = dict(scope["headers"])[b"host"].decode()
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": said})
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": said.encode()})


HEADERS = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
GET = b"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\r\n"


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        ("", ["http", "http", "127.0.0.1"]),
        ("10.0.0.0/8", ["http", "http", "127.0.0.1"]),
        ("127.0.0.0/8", ["http", "https", "192.0.2.7"]),
    ],
)
def test_the_scope(live, allowed, said):
    with live(app, forwarded_allow_ips=allowed).connect() as client:
        for _ in range(2):
            client.send(GET)
            assert json.loads(client.response().body) == said
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")  # nothing of the last request is left
        assert json.loads(client.response().body) == ["http", "http", "127.0.0.1"]


def test_the_scope_by_forwarded(live):
    options = {"forwarded_headers": "forwarded", "forwarded_host": True}
    with live(app, **options).connect() as client:
        client.send(GET)
        assert json.loads(client.response().body) == ["http", "http", "127.0.0.1"]
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\nForwarded: for=192.0.2.7;proto=https\r\n\r\n")
        assert json.loads(client.response().body) == ["http", "https", "192.0.2.7"]
        client.send(b"GET /host HTTP/1.1\r\nHost: h\r\nForwarded: host=a.example\r\n\r\n")
        assert client.response().body == b"a.example"


@pytest.mark.parametrize(("on", "host"), [(False, b"h"), (True, b"a.example:81")])
def test_the_scope_by_forwarded_host(live, on, host):
    with live(app, forwarded_host=on).connect() as client:
        client.send(b"GET /host HTTP/1.1\r\nHost: h\r\nX-Forwarded-Host: a.example:81\r\n\r\n")
        assert client.response().body == host


def test_a_websocket(live):
    port = live(app, forwarded_allow_ips="127.0.0.1").server.ports[0]
    with connect(f"ws://127.0.0.1:{port}/", additional_headers=HEADERS) as socket:
        assert json.loads(socket.recv()) == ["websocket", "wss", "192.0.2.7"]


def test_the_access_log_names_the_client(live, capfd):
    server = live(app, forwarded_allow_ips="127.0.0.1", access_log=True)
    with server.connect() as client:
        client.send(GET)
        client.response()
        client.send(b"GET /own HTTP/1.1\r\nHost: h\r\n\r\n")
        client.response()
    server.stop()
    first, second = without_stamps(capfd.readouterr().out.splitlines())
    assert first.startswith("192.0.2.7:0 ")
    assert second.startswith("127.0.0.1:")
