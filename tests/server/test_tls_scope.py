"""Over TLS: the `tls` extension, files, and the same answers as without it."""

import ssl

import pytest
from live import client_context
from serving import HERE

from fastserve.asgi.tls_scope import distinguished_name, server_certificate

CERT, KEY = str(HERE / "tls" / "cert.pem"), str(HERE / "tls" / "key.pem")
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
FILES = {"ssl_certfile": CERT, "ssl_keyfile": KEY}
SEEN = []


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError
    SEEN.append(scope)
    if scope["path"] == "/file":
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.pathsend", "path": CERT})
        return
    if scope["path"] == "/large":
        await send({"type": "http.response.start", "status": 200})
        for _ in range(8):
            part = {"type": "http.response.body", "body": bytes(1 << 20), "more_body": True}
            await send(part)
        await send({"type": "http.response.body"})
        return
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def extension(server, context):
    """The scope's entry for one request with this client."""
    SEEN.clear()
    with server.connect(context) as client:
        client.send(GET)
        assert client.response().body == b"ok"
    assert SEEN[0]["scheme"] == "https"
    return SEEN[0]["extensions"]["tls"]


def test_without_a_client_certificate(live):
    found = extension(live(app, **FILES), client_context())
    assert found["server_cert"].startswith("-----BEGIN CERTIFICATE-----\n")
    assert ssl.PEM_cert_to_DER_cert(found["server_cert"])
    assert found["client_cert_chain"] == []
    assert found["client_cert_name"] is None
    assert found["client_cert_error"] is None
    assert found["tls_version"] == 0x0304
    assert found["cipher_suite"] in {0x1301, 0x1302, 0x1303}


def test_an_older_version(live):
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM")
    found = extension(live(app, **FILES), context)
    assert found["tls_version"] == 0x0303
    assert found["cipher_suite"] in {0xC02B, 0xC02C, 0xC02F, 0xC030}


def test_a_client_certificate(live):
    server = live(app, **FILES, ssl_ca_certs=CERT, ssl_cert_reqs="required")
    found = extension(server, client_context(certfile=CERT, keyfile=KEY))
    assert [ssl.PEM_cert_to_DER_cert(item) for item in found["client_cert_chain"]] == [
        ssl.PEM_cert_to_DER_cert(found["server_cert"])
    ]
    assert found["client_cert_name"] == "CN=localhost"


def test_each_request_has_its_own(live):
    SEEN.clear()
    with live(app, **FILES).connect(client_context()) as client:
        client.send(GET + GET)
        client.response()
        client.response()
    first, second = (scope["extensions"]["tls"] for scope in SEEN)
    assert first == second
    assert first is not second


def test_a_file(live):
    with live(app, **FILES).connect(client_context()) as client:
        client.send(b"GET /file HTTP/1.1\r\nHost: h\r\n\r\n")
        with open(CERT, "rb") as file:
            assert client.response().body == file.read()
        client.send(GET)
        assert client.response().body == b"ok"


def test_a_large_body(live):
    with live(app, **FILES).connect(client_context()) as client:
        client.send(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.response().body == bytes(8 << 20)


def test_a_refusal_and_a_close(live):
    with live(app, **FILES).connect(client_context()) as client:
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        assert client.response().status == 400
        client.closed()


NAMES = {
    "the last part first": (((("countryName", "DE"),), (("commonName", "a"),)), "CN=a,C=DE"),
    "several in one": (((("commonName", "a"), ("userId", "b")),), "CN=a+UID=b"),
    "escaped": (((("commonName", 'a,b+"c"\\<d>;'),),), r"CN=a\,b\+\"c\"\\\<d\>\;"),
    "blanks": (((("commonName", " a "),),), r"CN=\ a\ "),
    "hash": (((("commonName", "#a"),),), r"CN=\#a"),
    "unknown": (((("favouriteDrink", "tea"),),), "favouriteDrink=tea"),
}


@pytest.mark.parametrize(("subject", "text"), NAMES.values(), ids=NAMES)
def test_names_as_rfc_4514_writes_them(subject, text):
    assert distinguished_name({"subject": subject}) == text


def test_no_name():
    assert distinguished_name({}) is None


def test_no_certificate(tmp_path):
    from fastserve import Config

    assert server_certificate(Config("a:b")) is None
    (tmp_path / "empty").write_text("")
    assert server_certificate(Config("a:b", ssl_certfile=str(tmp_path / "empty"))) is None
