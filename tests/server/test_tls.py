"""TLS: certificates by name, renewal, resumption, versions, clients' certificates, clear words."""

import contextlib
import os
import pickle
import shutil
import signal
import socket
import ssl
import subprocess
import sys

import pytest
from authority import Authority, needs_openssl, openssl
from live import Live, client_context
from serving import HERE, WAIT, Command, fail_to_start
from wire import Client

from fastserve import Config, ConfigError, certificates, renewal, tickets
from fastserve import openssl as library
from fastserve.tls import preferred, server_context, sessions_of

CERT, KEY = str(HERE / "tls" / "cert.pem"), str(HERE / "tls" / "key.pem")
CERT2, KEY2 = str(HERE / "tls" / "cert2.pem"), str(HERE / "tls" / "key2.pem")
FILES = {"ssl_certfile": CERT, "ssl_keyfile": KEY}
GET = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
SEEN = []
REFUSED = r"alert|reset|EOF"  # the loops send an alert, or close without one


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError
    SEEN.append(scope)
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


def der(path):
    with open(path) as file:
        return ssl.PEM_cert_to_DER_cert(certificates.PEM.search(file.read())[0])


def open_session(port, context=None, name=None, session=None):
    """A finished handshake with a server on this machine."""
    sock = socket.create_connection(("127.0.0.1", port), WAIT)
    return (context or client_context()).wrap_socket(sock, server_hostname=name, session=session)


def presented(port, name=None):
    with open_session(port, name=name) as client:
        return client.getpeercert(binary_form=True)


# Certificates by name


@needs_openssl
def test_a_certificate_for_each_name(live, authority):
    a, wildcard = (
        authority.issue("a", "a.example", "b.example"),
        authority.issue("w", "*.c.example"),
    )
    sni = (f"{a[0]},{a[1]}", f"{wildcard[0]},{wildcard[1]}", f"*.d.example={CERT2},{KEY2}")
    server = live(app, **FILES, ssl_sni=sni)
    port = server.server.ports[0]
    wanted = {
        "a.example": a[0],
        "A.Example": a[0],
        "b.example": a[0],
        "x.c.example": wildcard[0],
        "x.d.example": CERT2,
        "c.example": CERT,
        "x.y.c.example": CERT,
        "other.example": CERT,
        None: CERT,
    }
    assert {name: presented(port, name) for name in wanted} == {
        name: der(path) for name, path in wanted.items()
    }


@needs_openssl
def test_the_extension_shows_the_certificate_presented(live, authority):
    cert, key = authority.issue("scope", "scope.example")
    server = live(app, **FILES, ssl_sni=(f"{cert},{key}",))
    for name, path in (("scope.example", cert), ("localhost", CERT)):
        SEEN.clear()
        with Client(open_session(server.server.ports[0], name=name)) as client:
            client.send(GET)
            assert client.response().body == b"ok"
        shown = SEEN[0]["extensions"]["tls"]["server_cert"]
        assert ssl.PEM_cert_to_DER_cert(shown) == der(path)


@needs_openssl
def test_http2_and_verification_are_the_same_for_each_name(live, authority):
    cert, key = authority.issue("same", "same.example")
    options = {"ssl_ca_certs": str(authority.cert), "ssl_cert_reqs": "required"}
    server = live(app, **FILES, ssl_sni=(f"{cert},{key}",), **options)
    context = client_context(certfile=cert, keyfile=key)
    context.set_alpn_protocols(["h2"])
    with open_session(server.server.ports[0], context, "same.example") as client:
        assert client.selected_alpn_protocol() == "h2"
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # whose client learns it in the handshake
    with pytest.raises(OSError, match=REFUSED):
        open_session(server.server.ports[0], context, "same.example")


def test_a_certificate_without_names(tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "decode", lambda certificate: {})
    with pytest.raises(ConfigError, match=r"has no DNS name; use NAME="):
        server_context(Config(app, **FILES, ssl_sni=f"{CERT2},{KEY2}"))


@pytest.mark.parametrize("item", ["", "a.example=", "a.example=x,", "x,y,z", "a=b,c,d"])
def test_what_is_no_certificate_of_a_name(item):
    with pytest.raises(ConfigError, match=r"ssl_sni: .* does not have the form \[NAME=\]CERT"):
        Config(app, **FILES, ssl_sni=[item])


@needs_openssl
@pytest.mark.parametrize("name", ["a.example", "localhost"])
def test_s_client(authority, name):
    cert, key = authority.issue("s-client", "a.example")
    server = Live(app, **FILES, ssl_sni=(f"{cert},{key}",))
    try:
        address = f"127.0.0.1:{server.server.ports[0]}"
        trusted = ["-CAfile", authority.cert] if name == "a.example" else ["-CAfile", CERT]
        command = ["openssl", "s_client", "-connect", address, "-servername", name, *trusted]
        done = subprocess.run(
            [*command, "-verify_return_error", "-verify_hostname", name],
            input=b"", capture_output=True, check=True,
        )  # fmt: skip
        assert b"Verify return code: 0 (ok)" in done.stdout
    finally:
        assert server.stop() is None


# Renewal


def copy_pair(source, target):
    for file, other in zip(source, target, strict=True):
        shutil.copy(file, other)


def test_reload_on_change(tmp_path):
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    other = tmp_path / "cert2.pem", tmp_path / "key2.pem"
    copy_pair((CERT, KEY), files)
    copy_pair((CERT, KEY), other)
    options = "--ssl-certfile", files[0], "--ssl-keyfile", files[1]
    sni = "--ssl-sni", f"a.example={other[0]},{other[1]}"
    with Command("apps:app", "--port", 0, "--ssl-reload", *options, *sni) as command:
        port = command.port()
        assert presented(port) == presented(port, "a.example") == der(CERT)

        shutil.copy(CERT2, files[0])  # its key is not there yet
        command.expect(
            r"ERROR: ssl_keyfile: the key in .* is not that of .*; going on with the old"
        )
        assert presented(port) == der(CERT)
        shutil.copy(KEY2, files[1])
        command.expect("INFO: Loaded the certificate")
        assert presented(port) == der(CERT2)

        copy_pair((CERT2, KEY2), other)
        command.expect("INFO: Loaded the certificate")
        assert presented(port, "a.example") == der(CERT2)
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
        assert len([line for line in command.stderr if "going on with the old" in line]) == 1


def test_a_change_is_told_once_when_it_is_over(tmp_path):
    file, missing = tmp_path / "file", tmp_path / "missing"
    file.write_text("a")
    changes = renewal.Changes([str(file), str(missing)])
    assert not changes.settled()
    file.write_text("ab")
    assert [changes.settled() for _ in range(3)] == [False, True, False]
    file.write_text("abc")
    assert not changes.settled()
    missing.write_text("")
    assert [changes.settled() for _ in range(3)] == [False, True, False]
    file.unlink()
    assert [changes.settled() for _ in range(3)] == [False, True, False]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_hangup_reloads(tmp_path, workers):
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    copy_pair((CERT, KEY), files)
    options = "--ssl-certfile", files[0], "--ssl-keyfile", files[1]
    with Command("apps:app", "--port", 0, "--workers", workers, *options) as command:
        port = command.port()
        assert presented(port) == der(CERT)
        for _ in range(workers - 1):  # one that starts is replaced before it is ready
            command.expect(r"Worker \d+ is ready")
        copy_pair((CERT2, KEY2), files)
        command.signal(signal.SIGHUP)
        if workers == 1:
            command.expect("INFO: Loaded the certificate")
        for _ in range(workers if workers > 1 else 0):
            command.expect(r"Worker \d+ is ready")
        while presented(port) != der(CERT2):  # the last of the old ones may still accept
            pass


# Session tickets


def resumed(port, context, session):
    """Whether the server takes up this session, and the next one."""
    with open_session(port, context, "localhost", session) as client:
        client.sendall(GET)
        while client.recv(4096):
            pass
        return client.session_reused, client.session


def count_resumed(port, version, tries=12):
    context = client_context()
    context.minimum_version = context.maximum_version = version
    _, session = resumed(port, context, None)
    count = 0
    for _ in range(tries):
        reused, session = resumed(port, context, session)
        count += reused
    return count


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(params=VERSIONS, ids=["1.2", "1.3"])
def version(request):
    return request.param


def test_any_worker_resumes_a_session(version):
    options = "--ssl-certfile", CERT, "--ssl-keyfile", KEY, "--workers", 3
    with Command("apps:app", "--port", 0, *options) as command:
        port = command.port()
        for _ in range(2):
            command.expect(r"Worker \d+ is ready")
        assert count_resumed(port, version) == 12
        command.signal(signal.SIGHUP)
        for _ in range(3):
            command.expect(r"Worker \d+ is ready")
        assert count_resumed(port, version) == 12


def test_a_session_ends_when_the_certificate_changes(version, tmp_path):
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    copy_pair((CERT, KEY), files)
    options = "--ssl-certfile", files[0], "--ssl-keyfile", files[1]
    with Command("apps:app", "--port", 0, *options) as command:
        port = command.port()
        context = client_context()
        context.minimum_version = context.maximum_version = version
        _, session = resumed(port, context, None)
        for pair, wanted in (((CERT, KEY), True), ((CERT2, KEY2), False)):
            copy_pair(pair, files)
            command.signal(signal.SIGHUP)
            command.expect("INFO: Loaded the certificate")
            assert resumed(port, context, session)[0] is wanted


def test_the_key_is_another_in_each_period(monkeypatch):
    now = 1000 * tickets.PERIOD_SECONDS
    monkeypatch.setattr(tickets.time, "time", lambda: now)
    secret = tickets.Secret()
    workers = pickle.loads(pickle.dumps(secret))
    keys = set()
    for _ in range(4):
        now += tickets.PERIOD_SECONDS
        secret.advance()
        assert secret.key(b"a") != secret.key(b"b")
        keys.add(secret.key(b"a"))
    assert len(keys) == 4
    workers.advance()  # four steps at once
    assert workers.key(b"a") == secret.key(b"a")
    now -= 2 * tickets.PERIOD_SECONDS
    workers.advance()
    assert workers.key(b"a") == secret.key(b"a")
    assert len(secret.key(b"")) == tickets.KEY_BYTES == library.TICKET_KEY_BYTES


def test_contexts_take_up_the_key_of_the_period(monkeypatch):
    context = server_context(Config(app, **FILES))
    keys = []
    monkeypatch.setattr(library, "set_ticket_key", lambda context, key: keys.append(key))
    renewal.keep_tickets_current(context)
    assert keys == []
    later = (tickets.current_period() + 1) * tickets.PERIOD_SECONDS
    monkeypatch.setattr(tickets, "_secret", tickets.Secret())
    monkeypatch.setattr(tickets.time, "time", lambda: later)
    renewal.keep_tickets_current(context)
    renewal.keep_tickets_current(context)
    assert len(keys) == 1
    renewal.keep_tickets_current(None)
    renewal.keep_tickets_current(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


def test_sessions_are_of_one_configuration(tmp_path):
    authorities = tmp_path / "ca.pem"
    shutil.copy(CERT, authorities)
    plain = Config(app, **FILES)
    strict = Config(app, **FILES, ssl_ca_certs=authorities, ssl_cert_reqs="required")
    before = sessions_of(strict)
    assert len({sessions_of(plain), before}) == 2
    assert before == sessions_of(strict)
    shutil.copy(CERT2, authorities)
    assert before != sessions_of(strict)
    authorities.unlink()
    assert sessions_of(strict) != sessions_of(strict)


def test_without_the_functions_of_openssl(monkeypatch, caplog):
    """As in a Python that has them inside and hides them."""

    def fail(*args):
        raise library.NotAvailable("they are hidden")

    monkeypatch.setattr(library, "library", fail)
    with caplog.at_level("INFO", "fastserve"):
        context = server_context(Config(app, **FILES))
    assert [line for line in caplog.messages if "resumed only by the worker" in line]
    renewal.keep_tickets_current(context)
    if not hasattr(ssl.SSLContext, "set_ciphersuites"):
        with pytest.raises(ConfigError, match="ssl_ciphersuites: they are hidden"):
            server_context(Config(app, **FILES, ssl_ciphersuites="TLS_AES_128_GCM_SHA256"))


def test_another_layout_is_noticed(monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert library.pointer_of(context)
    real, other = library.read_memory, object()
    for address in (0, 8, 0x1234, id(other), id(context)):
        data = address.to_bytes(library.WORD, sys.byteorder)
        wrong = lambda at, count, data=data: data if count == library.WORD else real(at, count)  # noqa: E731
        monkeypatch.setattr(library, "read_memory", wrong)
        with pytest.raises(library.NotAvailable, match="laid out in another way"):
            library.pointer_of(context)


def test_memory_that_is_not_there():
    with pytest.raises(OSError, match="cannot read memory"):
        library.read_memory(0x1234, 16)


# Versions and ciphers


@pytest.mark.parametrize("word", ["1.3", "TLSv1.3", ssl.TLSVersion.TLSv1_3])
def test_the_lowest_version(live, word):
    server = live(app, **FILES, ssl_min_version=word)
    context = client_context()
    with open_session(server.server.ports[0], context) as client:
        assert client.version() == "TLSv1.3"
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match=REFUSED):
        open_session(server.server.ports[0], context)


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"])
def test_the_suites_of_tls_1_3(live, suite):
    server = live(app, **FILES, ssl_ciphersuites=suite)
    with open_session(server.server.ports[0]) as client:
        assert client.cipher()[0] == suite
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # has ciphers of its own
    with open_session(server.server.ports[0], context) as client:
        assert client.version() == "TLSv1.2"


def test_the_fastest_suite_is_preferred(live):
    server = live(app, **FILES)
    with open_session(server.server.ports[0]) as client:
        assert client.cipher()[0] == "TLS_AES_128_GCM_SHA256"


def test_no_suite_is_added():
    """Those that the system's policy leaves out."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    before = preferred(context).split(":")
    library.set_ciphersuites(context, before[-1])
    assert preferred(context) is None
    library.set_ciphersuites(context, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256")
    assert preferred(context) == "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"
    library.set_ciphersuites(context, preferred(context))
    assert preferred(context) is None


@pytest.mark.parametrize("names", ["", "NONE", "TLS_AES_128_GCM_SHA256:NONE"])
def test_suites_that_do_not_exist(names):
    with pytest.raises(ConfigError, match="ssl_ciphersuites: "):
        server_context(Config(app, **FILES, ssl_ciphersuites=names))
    assert server_context(Config(app, **FILES))  # no error is left in OpenSSL's queue


WRONG_TOGETHER = {
    "a list of revoked ones alone": (
        {**FILES, "ssl_crlfile": "x"},
        "ssl_crlfile: requires ssl_cert_reqs",
    ),
    "names alone": ({"ssl_sni": "x,y"}, "ssl_sni: requires ssl_certfile"),
    "reload alone": ({"ssl_reload": True}, "ssl_reload: requires ssl_certfile"),
    "TLS 1.2 alone from 1.3 on": (
        {**FILES, "ssl_version": 5, "ssl_min_version": "1.3"},
        "ssl_min_version: cannot be combined with ssl_version 5",
    ),
    "two hooks": (
        {"ssl_context": "a:b", "ssl_context_factory": lambda config, make: make()},
        "ssl_context: cannot be combined with ssl_context_factory",
    ),
    "no function": ({"ssl_context": "a"}, "ssl_context: 'a' does not have the form MODULE:FUNC"),
}


@pytest.mark.parametrize(("options", "problem"), WRONG_TOGETHER.values(), ids=WRONG_TOGETHER)
def test_what_does_not_go_together(options, problem):
    with pytest.raises(ConfigError, match=problem):
        Config(app, **options)


# Clients' certificates


@needs_openssl
def test_a_revoked_client(live, tmp_path):
    authority = Authority(tmp_path / "ca")
    good, bad = authority.issue("good"), authority.issue("bad")
    authority.revoke(bad[0])
    options = {
        "ssl_ca_certs": str(authority.cert),
        "ssl_cert_reqs": "required",
        "ssl_crlfile": str(authority.crl()),
    }
    server = live(app, **FILES, **options)
    for (cert, key), ok in ((good, True), (bad, False)):
        context = client_context(certfile=cert, keyfile=key)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with contextlib.ExitStack() as stack:
            if not ok:
                stack.enter_context(pytest.raises(OSError, match=REFUSED))
            with Client(open_session(server.server.ports[0], context)) as client:
                client.send(GET)
                assert client.response().body == b"ok"


@needs_openssl
def test_a_revoked_client_does_not_resume(tmp_path):
    """The list is read again, and what was verified before it does not count."""
    authority = Authority(tmp_path / "ca")
    cert, key = authority.issue("client")
    options = {
        "--ssl-certfile": CERT,
        "--ssl-keyfile": KEY,
        "--ssl-ca-certs": authority.cert,
        "--ssl-cert-reqs": "required",
        "--ssl-crlfile": authority.crl(),
    }
    context = client_context(certfile=cert, keyfile=key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    words = [word for pair in options.items() for word in pair]
    with Command("apps:app", "--port", 0, *words) as command:
        port = command.port()
        _, session = resumed(port, context, None)
        assert resumed(port, context, session)[0]
        authority.revoke(cert)
        authority.crl()
        command.signal(signal.SIGHUP)
        command.expect("INFO: Loaded the certificate")
        with pytest.raises(OSError, match=REFUSED):
            resumed(port, context, session)


def test_a_list_that_is_none():
    options = {"ssl_ca_certs": CERT, "ssl_cert_reqs": "required"}
    for path, problem in (
        (CERT, "no revocation list in"),
        (KEY, "cannot load"),
        ("none", "cannot"),
    ):
        with pytest.raises(ConfigError, match=f"ssl_crlfile: {problem}"):
            server_context(Config(app, **FILES, **options, ssl_crlfile=path))


# A context of one's own

HOOKS = """
import ssl

def strict(config, default):
    context = default()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context

def wrong(config, default):
    return 1

def fails(config, default):
    raise RuntimeError("no HSM")

number = 1
"""


def test_a_function_makes_the_context(tmp_path):
    (tmp_path / "hooks.py").write_text(HOOKS)
    shutil.copy(HERE / "apps.py", tmp_path)
    options = "--ssl-context", "hooks:strict", "--ssl-certfile", CERT, "--ssl-keyfile", KEY
    with Command("apps:app", "--port", 0, *options, cwd=tmp_path) as command:
        port = int(command.expect(r"running on https://.*:(\d+) ")[1])
        context = client_context()
        with open_session(port, context) as client:
            assert client.version() == "TLSv1.3"
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError):
            open_session(port, context)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("wrong", "must return an ssl.SSLContext, not int"),
        ("fails", "hooks:fails failed: RuntimeError: no HSM"),
        ("none", 'module "hooks" has no attribute "none"'),
        ("number", "hooks:number is not a function"),
        ("strict", "the default context needs ssl_certfile"),
    ],
)
def test_a_function_that_does_not(tmp_path, monkeypatch, name, problem):
    (tmp_path / "hooks.py").write_text(HOOKS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "hooks", raising=False)
    config = Config(app, ssl_context=f"hooks:{name}", app_dir=tmp_path)
    with pytest.raises(ConfigError) as caught:
        server_context(config)
    assert caught.value.option == "ssl_context"
    assert caught.value.problem.startswith(problem)
    monkeypatch.delitem(sys.modules, "hooks", raising=False)


# Clear words


def problem_of(cert, key=None, **options):
    config = Config(app, ssl_certfile=cert, ssl_keyfile=key, **options)
    with pytest.raises(ConfigError) as caught:
        server_context(config)
    return str(caught.value)


def test_missing_and_other_files(tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    missing = str(tmp_path / "none")
    assert problem_of(missing).startswith(f"ssl_certfile: cannot load {missing}: [Errno 2]")
    assert problem_of(CERT, missing).startswith(f"ssl_keyfile: cannot load {missing}: [Errno 2]")
    assert problem_of(KEY, KEY) == f"ssl_certfile: cannot load {KEY}: no certificate in it (PEM)"
    assert problem_of(CERT) == f"ssl_keyfile: {CERT} has no private key; name the file that has it"
    assert (
        problem_of(CERT, empty) == f"ssl_keyfile: cannot load {empty}: no private key in it (PEM)"
    )
    assert problem_of(CERT, tmp_path).startswith(f"ssl_keyfile: cannot load {tmp_path}: [Errno 21]")


def test_a_key_from_a_pipe():
    """As the shell's <(command) gives it: it can be read once."""
    reader, writer = os.pipe()
    with open(reader), open(writer, "wb") as pipe, open(KEY, "rb") as key:
        pipe.write(key.read())
        pipe.close()
        assert server_context(Config(app, ssl_certfile=CERT, ssl_keyfile=f"/dev/fd/{reader}"))


def test_the_key_of_another_certificate():
    problem = f"ssl_keyfile: the key in {KEY2} is not that of the certificate in {CERT}"
    assert problem_of(CERT, KEY2) == problem
    sni = f"ssl_sni: the key in {KEY2} is not that of the certificate in {CERT}"
    with pytest.raises(ConfigError) as caught:
        server_context(Config(app, **FILES, ssl_sni=f"a={CERT},{KEY2}"))
    assert str(caught.value) == sni


@needs_openssl
@pytest.mark.parametrize("form", [("pkcs8", "-topk8", "-v2", "aes256"), ("ec", "-aes256")])
def test_a_locked_key(tmp_path, form):
    locked = tmp_path / "locked.key"
    openssl(*form, "-in", KEY, "-out", locked, "-passout", "pass:secret")
    status, lines = fail_to_start("apps:app", "--ssl-certfile", CERT, "--ssl-keyfile", locked)
    wanted = f"--ssl-keyfile: {locked} is encrypted; give its password with --ssl-keyfile-password"
    assert (status, lines) == (2, [f"fastserve: {wanted}"])
    problem = problem_of(CERT, locked, ssl_keyfile_password="guess")
    assert problem.startswith(f"ssl_keyfile_password: does not open {locked} (")
    assert server_context(
        Config(app, ssl_certfile=CERT, ssl_keyfile=locked, ssl_keyfile_password="secret")
    )


@needs_openssl
def test_the_order_of_a_chain(tmp_path, caplog):
    root = Authority(tmp_path / "root", "root")
    middle = Authority(tmp_path / "middle", "middle", by=root)
    cert, key = middle.issue("leaf")
    chain = tmp_path / "chain.pem"

    def write(*files):
        chain.write_text("".join(file.read_text() for file in files))

    def warnings():
        caplog.clear()
        server_context(Config(app, ssl_certfile=chain, ssl_keyfile=key))
        return [record.message for record in caplog.records if record.levelname == "WARNING"]

    write(cert, middle.cert, root.cert)
    assert warnings() == []
    write(cert, root.cert, middle.cert)
    (warning,) = warnings()
    assert warning.startswith(f"{chain}: certificate 2 is not the issuer of certificate 1; ")
    write(middle.cert, cert)
    problem = f"ssl_certfile: certificate 2 in {chain} is that of the key; put it first"
    assert problem_of(chain, key) == problem


def test_certificates_are_read_without_memfd(monkeypatch):
    def fail(name):
        raise OSError(name)

    monkeypatch.setattr(os, "memfd_create", fail, raising=False)
    with open(CERT) as file:
        assert certificates.names_in(file.read()) == ["localhost"]


@needs_openssl
@pytest.mark.parametrize(
    ("dates", "words"),
    [
        (("20200101000000Z", "20210101000000Z"), "expired on Jan  1 00:00:00 2021 GMT"),
        (("20900101000000Z", "20910101000000Z"), "is not valid before Jan  1 00:00:00 2090 GMT"),
    ],
)
def test_dates(authority, caplog, dates, words):
    cert, key = authority.issue("dated", dates=dates)
    server_context(Config(app, ssl_certfile=cert, ssl_keyfile=key))
    assert caplog.messages == [f"{cert} {words}"]


def test_a_file_of_another_encoding(tmp_path):
    garbage = tmp_path / "cert.der"
    garbage.write_bytes(der(CERT))
    assert problem_of(garbage, KEY).endswith("no certificate in it (PEM)")
    damaged = tmp_path / "damaged.pem"
    with open(CERT) as file:
        damaged.write_text(file.read().replace("M", "N", 1))
    assert problem_of(damaged, KEY).startswith(f"ssl_certfile: cannot load {damaged} and {KEY}: ")


# Plain HTTP on a TLS port, and TLS on a plain one


@pytest.mark.parametrize(
    "data", [GET, b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"get", GET + b"x" * 20000]
)
def test_plain_http_on_the_tls_port(live, data):
    with live(app, **FILES).connect() as client:
        client.send(data)
        answer = client.response()
        assert (answer.status, answer.get(b"connection")) == (400, b"close")
        assert answer.get(b"content-type") == b"text/plain"
        assert answer.body == b"This port speaks TLS; use https://\n"
        client.end()
        client.closed()


@pytest.mark.parametrize("data", [b"\0", b"\x80\x80\x01", b"\x15\x03\x01\0\x02\x01\0"])
def test_what_is_neither(live, data):
    with live(app, **FILES).connect() as client:
        client.tolerant = True
        client.send(data * 100)
        client.end()
        client.rest()


def test_a_client_that_does_not_read_the_answer_is_left(live):
    server = live(app, **FILES)
    with server.connect() as client:
        client.send(GET)
        client.reset()
    with open_session(server.server.ports[0]) as client:
        client.sendall(GET)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01"])
def test_a_handshake_that_never_ends(live, sent):
    with live(app, **FILES, timeout_tls_handshake=0.05).connect() as client:
        client.tolerant = True
        client.send(sent)
        client.closed()


def test_the_end_before_a_handshake(live):
    with live(app, **FILES).connect() as client:
        client.tolerant = True
        client.end()
        client.closed()


def test_tls_on_a_plain_port():
    with Command("apps:app", "--port", 0, "--log-level", "debug") as command:
        with pytest.raises(ssl.SSLError):
            open_session(command.port())
        command.expect("DEBUG: refused .*: 400 the client speaks TLS, and this port does not")
