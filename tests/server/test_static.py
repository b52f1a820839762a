"""`--static PREFIX=DIR`: what is sent of a folder, and what never is."""

import contextlib
import email.utils
import gzip
import http.client
import os
import socket

import httpx
import pytest
from live import client_context
from serving import HERE, wait_for
from wire import WAIT

from fastserve import Config, ConfigError, conditional, static
from fastserve.conditional import Validators
from fastserve.media_types import media_type

BIG = bytes(range(256)) * 4096  # 1 MiB
SCRIPT = b"var a = 1;\n" * 100
NEWEST = 1_700_000_000


async def app(scope, receive, send):
    """Says that it was asked, and for what."""
    if scope["type"] != "http":
        raise NotImplementedError
    body = b"the application: " + scope["path"].encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("secret")
    folder = tmp_path_factory.mktemp("public")
    (folder / "sub").mkdir()
    (folder / "empty").mkdir()
    (folder / ".git").mkdir()
    (folder / ".well-known").mkdir()
    for name, data in {
        "a.txt": b"hello\n",
        "none.txt": b"",
        "big.bin": BIG,
        "app.js": SCRIPT,
        "index.html": b"<p>index",
        "sub/index.html": b"<p>sub",
        "a b\u00fc.txt": b"name\n",
        "old.css": b"new",
        "picture.png": b"\x89PNG",
        "picture.png.gz": b"never sent for it",
        ".env": b"secret",
        ".git/config": b"secret",
        ".well-known/security.txt": b"contact",
        "back\\slash.txt": b"secret",
    }.items():
        (folder / name).write_bytes(data)
        os.utime(folder / name, (NEWEST, NEWEST))
    for suffix, data in {"gz": gzip.compress(SCRIPT, mtime=0), "br": b"as brotli"}.items():
        (folder / f"app.js.{suffix}").write_bytes(data)
        os.utime(folder / f"app.js.{suffix}", (NEWEST, NEWEST))
    (folder / "old.css.gz").write_bytes(b"of an earlier version")
    os.utime(folder / "old.css.gz", (NEWEST - 60, NEWEST - 60))
    (folder / "inside.txt").symlink_to(folder / "a.txt")
    (folder / "outside.txt").symlink_to(outside / "secret.txt")
    (folder / "way out").symlink_to(outside)
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe.txt")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
        sock.bind(os.path.relpath(folder / "socket.txt"))
    (folder / ("public-" + "x" * 9)).mkdir()
    return folder


@pytest.fixture
def ask(live, folder):
    """`ask(path, ...)`: the response with its `body`."""
    mounts = (f"/static={folder}", f"/static/deep/={folder / 'sub'}")
    server = live(app, static=mounts, static_max_age=60)

    def request(path, method="GET", **headers):
        with contextlib.closing(connection(server)) as client:
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            client.request(method, path, headers=fields)
            response = client.getresponse()
            response.body = response.read()
            return response

    return request


def connection(server):
    return http.client.HTTPConnection("127.0.0.1", server.server.ports[0], timeout=WAIT)


def test_a_file(ask):
    response = ask("/static/a.txt")
    assert response.status == 200
    assert response.body == b"hello\n"
    headers = dict(response.headers)
    assert headers.pop("date")
    assert headers == {
        "content-type": "text/plain; charset=utf-8",
        "content-length": "6",
        "last-modified": email.utils.formatdate(NEWEST, usegmt=True),
        "etag": f'"{NEWEST * 10**9:x}-6"',
        "accept-ranges": "bytes",
        "cache-control": "max-age=60",
        "vary": "accept-encoding",
        "server": "fastserve",
    }


def test_a_large_file_and_an_empty_one(ask):
    assert ask("/static/big.bin").body == BIG
    response = ask("/static/none.txt")
    assert (response.status, response.body, response.headers["content-length"]) == (200, b"", "0")


def test_head(ask):
    for path, length in (("/static/a.txt", 6), ("/static/big.bin", len(BIG))):
        response = ask(path, "HEAD")
        assert (response.status, response.body) == (200, b"")
        assert response.headers["content-length"] == str(length)


def test_names_are_decoded(ask):
    assert ask("/static/a%20b%C3%BC.txt").body == b"name\n"
    assert ask("/static/%61.txt").body == b"hello\n"


@pytest.mark.parametrize(
    "path",
    [
        "/static/nothing.txt",
        "/static/../a.txt",
        "/static/%2e%2e/secret.txt",
        "/static/..%2fsecret.txt",
        "/static/sub/../../secret.txt",
        "/static/sub/%2e%2e/a.txt",
        "/static/./a.txt",
        "/static//a.txt",
        "/static//etc/passwd",
        "/static/%2fetc/passwd",
        "/static/sub//index.html",
        "/static/a.txt/",
        "/static/a.txt%00",
        "/static/%00",
        "/static/back\\slash.txt",
        "/static/back%5cslash.txt",
        "/static/..%5csecret.txt",
        "/static/outside.txt",
        "/static/way%20out/secret.txt",
        "/static/loop",
        "/static/pipe.txt",
        "/static/socket.txt",
        "/static/.env",
        "/static/.git/config",
        "/static/%2egit/config",
        "/static/empty/",
        "/static/empty",
        "/static/%ff%fe.txt",
        "/static/" + "x" * 300,
        "/static/" + "x/" * 3000,
    ],
)
def test_what_is_not_there_for_anybody(ask, path):
    response = ask(path)
    assert (response.status, response.body) == (404, b"Not Found\n")


def test_a_link_inside_and_the_public_folder_with_a_dot(ask):
    assert ask("/static/inside.txt").body == b"hello\n"
    assert ask("/static/.well-known/security.txt").body == b"contact"


def test_a_folder(ask):
    assert ask("/static/").body == b"<p>index"
    assert ask("/static/sub/").body == b"<p>sub"
    for path in ("/static/sub", "/static"):
        response = ask(f"{path}?a=b")
        assert response.status == 301
        assert response.headers["location"] == f"{path}/?a=b"


def test_the_longest_prefix_goes_first(ask):
    assert ask("/static/deep/index.html").body == b"<p>sub"


def test_other_paths_are_the_applications(ask):
    assert ask("/").body == b"the application: /"
    assert ask("/staticfile", "POST").body == b"the application: /staticfile"


def test_other_methods(ask):
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"):
        response = ask("/static/a.txt", method)
        assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(ask, folder):
    (folder / "closed.txt").touch(0)
    assert ask("/static/closed.txt").status == 403


# Ranges


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("Bytes = 5-9", 5, 10),
        ("bytes=1000000-", 1000000, len(BIG)),
        ("bytes=-7", len(BIG) - 7, len(BIG)),
        ("bytes=-99999999", 0, len(BIG)),
        ("bytes=10-99999999999999999999", 10, len(BIG)),
    ],
)
def test_a_range(ask, asked, start, stop):
    response = ask("/static/big.bin", Range=asked)
    assert response.status == 206
    assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(BIG)}"
    assert response.headers["content-length"] == str(stop - start)
    assert response.body == BIG[start:stop]


@pytest.mark.parametrize("asked", ["bytes=1048576-", "bytes=9999999-10000000", "bytes=-0"])
def test_a_range_outside_of_the_file(ask, asked):
    response = ask("/static/big.bin", Range=asked)
    assert response.status == 416
    assert response.headers["content-range"] == f"bytes */{len(BIG)}"


@pytest.mark.parametrize(
    "asked", ["bytes=9-5", "bytes=-", "bytes=", "items=0-5", "bytes=0-1,3-4", "bytes=a-b", "0-5"]
)
def test_what_is_not_one_range_is_the_whole(ask, asked):
    response = ask("/static/big.bin", Range=asked)
    assert (response.status, response.body) == (200, BIG)


def test_a_range_of_head_is_ignored(ask):
    assert ask("/static/big.bin", "HEAD", Range="bytes=0-5").status == 200


def test_if_range(ask):
    etag = ask("/static/big.bin", "HEAD").headers["etag"]
    date = email.utils.formatdate(NEWEST, usegmt=True)
    later = email.utils.formatdate(NEWEST + 1, usegmt=True)
    for condition, status in (
        (etag, 206),
        (date, 206),
        ('"other"', 200),
        (f"W/{etag}", 200),
        (later, 200),
        ("nonsense", 200),
    ):
        assert ask("/static/big.bin", Range="bytes=0-1", If_Range=condition).status == status


# Conditions: RFC 9110 13.2.2 has the order


def dates(offset):
    return email.utils.formatdate(NEWEST + offset, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": "ETAG"}, 304),
        ({"If-None-Match": "W/ETAG"}, 304),
        ({"If-None-Match": '"a", W/"b", ETAG'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"a"'}, 200),
        ({"If-Modified-Since": dates(0)}, 304),
        ({"If-Modified-Since": dates(1)}, 304),
        ({"If-Modified-Since": dates(-1)}, 200),
        ({"If-Modified-Since": "Tuesday, 14-Nov-23 22:13:20 GMT"}, 304),
        ({"If-Modified-Since": "Tue Nov 14 22:13:20 2023"}, 304),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-None-Match": '"a"', "If-Modified-Since": dates(0)}, 200),
        ({"If-Match": "ETAG"}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": "W/ETAG"}, 412),
        ({"If-Match": '"a"'}, 412),
        ({"If-Match": '"a"', "If-None-Match": "ETAG"}, 412),
        ({"If-Match": "ETAG", "If-Unmodified-Since": dates(-1)}, 200),
        ({"If-Unmodified-Since": dates(0)}, 200),
        ({"If-Unmodified-Since": dates(-1)}, 412),
        ({"If-Match": "ETAG", "If-None-Match": "ETAG"}, 304),
        ({"If-None-Match": "ETAG", "Range": "bytes=0-1"}, 304),
        ({"If-None-Match": '"a"', "Range": "bytes=0-1"}, 206),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_conditions(ask, headers, status, method):
    etag = ask("/static/a.txt").headers["etag"]
    given = {name: value.replace("ETAG", etag) for name, value in headers.items()}
    response = ask("/static/a.txt", method, **given)
    assert response.status == (200 if (status, method) == (206, "HEAD") else status)
    assert response.headers["etag"] == etag
    if status == 304:
        assert "content-length" not in response.headers
        assert "content-type" not in response.headers
        assert response.headers["cache-control"] == "max-age=60"


def test_an_if_range_date_of_this_second_is_weak():
    found = Validators(b'"a"', NEWEST)
    fields = {b"range": b"bytes=0-1", b"if-range": dates(0).encode()}
    assert conditional.part_of(fields, found, 10, now=NEWEST + 0.5) is None
    assert conditional.part_of(fields, found, 10, now=NEWEST + 1) == range(2)


@pytest.mark.parametrize(
    "value",
    [b"", b"-", b"Mon, 99 Foo 9999999999999999 99:99:99 GMT", b"\xff", b"0" * 5000, b"1 2 3 4 5 6"],
)
def test_what_is_not_a_date(value):
    assert conditional.date(value) is None


# Compressed copies


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, br", "br"),
        ("GZIP", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("gzip;q=0.5, identity", None),
        ("gzip;q=0", None),
        ("gzip;q=x", None),
        ("deflate", None),
        ("", None),
        ("gzip," * 1000, None),
    ],
)
def test_a_compressed_copy(ask, accepted, coding):
    response = ask("/static/app.js", Accept_Encoding=accepted)
    assert response.status == 200
    assert response.headers["content-encoding"] == coding
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert response.headers["vary"] == "accept-encoding"
    wanted = {"gzip": gzip.compress(SCRIPT, mtime=0), "br": b"as brotli", None: SCRIPT}
    assert response.body == wanted[coding]
    assert response.headers["etag"].endswith(f'-{coding}"') == bool(coding)


def test_copies_that_are_not_used(ask):
    assert ask("/static/old.css", Accept_Encoding="gzip").body == b"new"
    response = ask("/static/picture.png", Accept_Encoding="gzip")
    assert response.body == b"\x89PNG"
    assert "vary" not in response.headers
    response = ask("/static/app.js.gz", Accept_Encoding="gzip")
    assert response.headers["content-type"] == "application/gzip"
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("A.HTM", "text/html; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.wasm", "application/wasm"),
        ("a.webp", "image/webp"),
        ("a.svg", "image/svg+xml"),
        ("a.json", "application/json"),
        ("a.woff2", "font/woff2"),
        ("a.tar.gz", "application/gzip"),
        ("README", "application/octet-stream"),
        ("a.", "application/octet-stream"),
    ],
)
def test_media_types(name, wanted):
    assert media_type(name) == wanted


# Where it is served


def test_the_root_goes_on_to_the_application(live, folder):
    server = live(app, static=(f"/={folder}",))
    with contextlib.closing(connection(server)) as client:
        for method, path, wanted in (
            ("GET", "/a.txt", b"hello\n"),
            ("GET", "/", b"<p>index"),
            ("GET", "/nothing", b"the application: /nothing"),
            ("GET", "/.env", b"the application: /.env"),
            ("GET", "//a.txt", b"the application: //a.txt"),
            ("POST", "/a.txt", b"the application: /a.txt"),
        ):
            client.request(method, path)
            assert client.getresponse().read() == wanted


def test_below_a_root_path(live, folder):
    server = live(app, static=(f"/static={folder}",), root_path="/api")
    with contextlib.closing(connection(server)) as client:
        client.request("GET", "/static/a.txt")
        assert client.getresponse().read() == b"hello\n"
        client.request("GET", "/static/sub")
        response = client.getresponse()
        assert (response.read(), response.headers["location"]) == (
            b"Moved Permanently\n",
            "/api/static/sub/",
        )


def test_over_http2(live, folder):
    server = live(app, static=(f"/static={folder}",))
    url = f"http://127.0.0.1:{server.server.ports[0]}/static"
    with httpx.Client(http1=False, http2=True) as client:
        assert client.get(f"{url}/big.bin").content == BIG
        response = client.get(f"{url}/big.bin", headers={"range": "bytes=5-700000"})
        assert (response.status_code, response.content) == (206, BIG[5:700001])
        assert client.head(f"{url}/big.bin").headers["content-length"] == str(len(BIG))
        assert client.get(f"{url}/outside.txt").status_code == 404


def test_over_tls(live, folder):
    files = {"ssl_certfile": HERE / "tls" / "cert.pem", "ssl_keyfile": HERE / "tls" / "key.pem"}
    server = live(app, static=(f"/static={folder}",), **files)
    url = f"https://127.0.0.1:{server.server.ports[0]}/static/big.bin"
    with httpx.Client(verify=client_context()) as client:
        assert client.get(url).content == BIG


def test_descriptors_are_closed(ask, live, folder):
    count = len(os.listdir("/dev/fd"))
    for path in ("a.txt", "big.bin", "app.js", "sub", "outside.txt", "pipe.txt", "empty"):
        for method in ("GET", "HEAD", "POST"):
            ask(f"/static/{path}", method, Accept_Encoding="gzip", Range="bytes=5-")
    wait_for(
        lambda: len(os.listdir("/dev/fd")) <= count
    )  # the last clients' are closed a turn late


def test_a_client_that_leaves(live, folder):
    server = live(app, static=(f"/static={folder}",))
    with server.connect() as client:
        client.send(b"GET /static/big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
    with contextlib.closing(connection(server)) as client:
        client.request("GET", "/static/a.txt")
        assert client.getresponse().read() == b"hello\n"


def test_no_descriptor_left(ask, monkeypatch):
    def fail(path, flags):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(static.os, "open", fail)
    assert ask("/static/a.txt").status == 503


def test_a_file_that_becomes_shorter(ask, monkeypatch):
    monkeypatch.setattr(static.os, "pread", lambda *args: b"")
    assert ask("/static/a.txt").status == 500


# The option


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("static", "'static' is not PREFIX=DIR"),
        ("static=.", "'static=.' is not PREFIX=DIR"),
        ("/static=", "'/static=' is not PREFIX=DIR"),
        ("/static=/nowhere", "/nowhere is not a folder"),
        (["/a=.", "/a/=."], "the prefix /a is given twice"),
    ],
)
def test_a_bad_option(value, problem):
    with pytest.raises(ConfigError, match=problem):
        Config(app, static=value)


def test_no_way_around_it_for_the_application():
    """Without the option nothing is in front of the application."""
    assert Config(app).load_app() is app
    assert isinstance(Config(app, static="/s=.").load_app(), static.StaticFiles)
