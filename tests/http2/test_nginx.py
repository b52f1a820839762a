"""nginx in front of the server, where its version speaks HTTP/2 to upstreams (1.29.4)."""

import re
import shutil
import socket
import subprocess
import time

import httpx
import pytest
from live import Live
from wire import WAIT

from .test_clients import LARGE, app

OLDEST = (1, 29, 4)
CONFIG = """
daemon off;
error_log stderr;
pid {folder}/pid;
events {{}}
http {{
    access_log off;
    client_max_body_size 10m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{front};
        location / {{
            proxy_pass http://127.0.0.1:{back};
            proxy_http_version 2;
            proxy_request_buffering off;
            proxy_buffering off;
        }}
    }}
}}
"""


def version():
    """nginx's, as numbers; None: it is not installed."""
    if shutil.which("nginx") is None:
        return None
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, timeout=WAIT).stderr
    return tuple(map(int, re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said).groups()))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


@pytest.fixture
def front(tmp_path):
    """The address of an nginx before a server of ours."""
    found = version()
    if found is None or found < OLDEST:
        pytest.skip(f"nginx {'.'.join(map(str, OLDEST))} or later is needed, here is {found}")
    server, port = Live(app), free_port()
    text = CONFIG.format(folder=tmp_path, front=port, back=server.server.ports[0])
    config = tmp_path / "nginx.conf"
    config.write_text(text)
    process = subprocess.Popen(["nginx", "-p", str(tmp_path), "-c", str(config)])
    try:
        until = time.monotonic() + WAIT
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), WAIT).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None, "nginx does not start"
                assert time.monotonic() < until, "nginx does not listen"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(WAIT)
        assert server.stop() is None


def test_nginx_speaks_http2_to_us(front):
    with httpx.Client(base_url=front, timeout=WAIT) as client:
        assert client.get("/version").json() == ["2", "http", "GET"]
        assert client.post("/echo", content=LARGE).content == LARGE
        assert client.get("/large").content == LARGE
        parts = iter([b"a", b"b" * 100_000, b"c"])
        assert client.post("/stream", content=parts).content == b"a" + b"b" * 100_000 + b"c"
        assert client.head("/version").status_code == 200
