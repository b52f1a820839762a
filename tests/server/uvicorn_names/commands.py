"""Command lines in uvicorn's style; PREFIX stands for UVICORN or FASTSERVE."""

import base64
import json
import signal
from dataclasses import dataclass, field
from pathlib import Path

TLS = Path(__file__).parents[1] / "tls"
CERT, KEY = str(TLS / "cert.pem"), str(TLS / "key.pem")
APP = "uvicorn_names.app:app"
WAIT = 30  # seconds until a case fails for want of what it waits for


@dataclass
class Parsed:
    """A command line of which the outcome is what it makes of options."""

    args: str
    names: tuple[str, ...] = ()  # whose values are compared
    env: dict[str, str] = field(default_factory=dict)
    differs: str = ""  # a key of DIFFERENCES in docs/uvicorn_differences.py


def parsed(args, names="", differs="", **env):
    return Parsed(args, tuple(names.split()), env, differs)


PARSED = {
    "address": parsed("a:b --host 0.0.0.0 --port 80", "host port"),
    "port=": parsed("a:b --port=9000", "port"),
    "options first": parsed("--port 9000 a:b", "port"),
    "uds": parsed("a:b --uds /tmp/app.sock", "uds"),
    "fd": parsed("a:b --fd 3", "fd"),
    "reload": parsed("a:b --reload", "reload"),
    "reload-dir": parsed("a:b --reload --reload-dir tls --reload-dir waiting", "reload_dirs"),
    "reload-include": parsed("a:b --reload --reload-include *.html", "reload_includes"),
    "reload-exclude": parsed("a:b --reload --reload-exclude test_*.py", "reload_excludes"),
    "reload-delay": parsed("a:b --reload --reload-delay 1.5", "reload_delay"),
    "workers": parsed("a:b --workers 4", "workers"),
    "WEB_CONCURRENCY": parsed("a:b", "workers", WEB_CONCURRENCY="3"),
    "workers first": parsed("a:b --workers 2", "workers", WEB_CONCURRENCY="3"),
    "loop asyncio": parsed("a:b --loop asyncio", "loop"),
    "loop uvloop": parsed("a:b --loop uvloop", "loop"),
    "loop auto": parsed("a:b --loop auto", "loop"),
    "loop by name": parsed("a:b --loop uvloop:new_event_loop", "loop"),
    "http auto": parsed("a:b --http auto", "http"),
    "http h11": parsed("a:b --http h11", "http"),
    "http httptools": parsed("a:b --http httptools", "http"),
    "http2": parsed("a:b --http zttp --http2", "http2"),
    "http zttp": parsed("a:b --http zttp", "http"),
    "ws auto": parsed("a:b --ws auto", "ws"),
    "ws none": parsed("a:b --ws none", "ws"),
    "ws websockets": parsed("a:b --ws websockets", "ws"),
    "ws websockets-sansio": parsed("a:b --ws websockets-sansio", "ws"),
    "ws wsproto": parsed("a:b --ws wsproto", "ws"),
    "ws limits": parsed("a:b --ws-max-size 1000 --ws-max-queue 8", "ws_max_size ws_max_queue"),
    "ws pings": parsed(
        "a:b --ws-ping-interval 10 --ws-ping-timeout 5.5", "ws_ping_interval ws_ping_timeout"
    ),
    "deflate false": parsed("a:b --ws-per-message-deflate false", "ws_per_message_deflate"),
    "deflate True": parsed("a:b --ws-per-message-deflate True", "ws_per_message_deflate"),
    "deflate=0": parsed("a:b --ws-per-message-deflate=0", "ws_per_message_deflate"),
    "lifespan": parsed("a:b --lifespan off", "lifespan"),
    "interface": parsed("a:b --interface asgi2", "interface"),
    "log-level": parsed("a:b --log-level warning", "log_level"),
    "log-level trace": parsed("a:b --log-level trace", "log_level"),
    "access-log": parsed("a:b --access-log --use-colors", "access_log use_colors"),
    "no-access-log": parsed("a:b --no-access-log --no-use-colors", "access_log use_colors"),
    "proxy": parsed("a:b --proxy-headers", "proxy_headers forwarded_allow_ips"),
    "no proxy": parsed("a:b --no-proxy-headers", "proxy_headers"),
    "proxies": parsed("a:b --forwarded-allow-ips 10.0.0.1,10.1.0.0/16", "forwarded_allow_ips"),
    "FORWARDED_ALLOW_IPS": parsed("a:b", "forwarded_allow_ips", FORWARDED_ALLOW_IPS="*"),
    "root-path": parsed("a:b --root-path /api", "root_path"),
    "limits": parsed(
        "a:b --limit-concurrency 100 --limit-max-requests 1000 --limit-max-requests-jitter 50",
        "limit_concurrency limit_max_requests limit_max_requests_jitter",
    ),
    "backlog": parsed("a:b --backlog 100", "backlog"),
    "timeouts": parsed(
        "a:b --timeout-keep-alive 30 --timeout-graceful-shutdown 10 "
        "--timeout-worker-healthcheck 20",
        "timeout_keep_alive timeout_graceful_shutdown timeout_worker_healthcheck",
    ),
    "timeouts of 0": parsed(
        "a:b --timeout-keep-alive 0 --timeout-graceful-shutdown 0",
        "timeout_keep_alive timeout_graceful_shutdown",
    ),
    "tls": parsed(
        f"a:b --ssl-keyfile {KEY} --ssl-certfile {CERT} --ssl-keyfile-password secret",
        "ssl_keyfile ssl_certfile ssl_keyfile_password",
    ),
    "client certificates": parsed(
        f"a:b --ssl-certfile {CERT} --ssl-ca-certs {CERT} --ssl-cert-reqs 2",
        "ssl_ca_certs ssl_cert_reqs",
    ),
    "tls details": parsed(
        f"a:b --ssl-certfile {CERT} --ssl-version 17 --ssl-ciphers TLSv1", "ssl_version ssl_ciphers"
    ),
    "headers": parsed("a:b --header X-One:1 --header Server:mine", "headers"),
    "switches": parsed("a:b --no-server-header --no-date-header", "server_header date_header"),
    "factory": parsed("a:b --factory", "factory"),
    "h11-max-incomplete-event-size": parsed(
        "a:b --h11-max-incomplete-event-size 100000", "h11_max_incomplete_event_size"
    ),
    "reset-contextvars": parsed("a:b --reset-contextvars", "reset_contextvars"),
    "environment": parsed("a:b", "port reload", PREFIX_PORT="81", PREFIX_RELOAD="1"),
    "app in the environment": parsed("--port 1", "app", PREFIX_APP="a:b"),
    "repeated": parsed("a:b --port 1 --port 2", "port"),
    "no app": parsed("--port 80"),
    "unknown": parsed("a:b --portt 80"),
    "abbreviated": parsed("a:b --por 80"),
    "no value": parsed("a:b --port"),
    "not a number": parsed("a:b --port http"),
    "wrong choice": parsed("a:b --lifespan maybe"),
    "two apps": parsed("a:b c:d"),
    "bind": parsed("a:b -b 0.0.0.0:80"),
    "short": parsed("a:b -w 4"),
    "max-requests": parsed("a:b --max-requests 100"),
    "workers of 0": parsed("a:b --workers 0", differs="workers of 0"),
    "relative root": parsed("a:b --root-path api", differs="root_path"),
    "no authorities": parsed(
        f"a:b --ssl-certfile {CERT} --ssl-cert-reqs 2", differs="no ssl_ca_certs"
    ),
    "a proxy's name": parsed("a:b --forwarded-allow-ips nginx", differs="a proxy's name"),
}


@dataclass
class Served:
    """A command line that is started; `probe` returns the outcome, given the command."""

    args: str
    probe: object
    env: dict[str, str] = field(default_factory=dict)
    differs: str = ""
    app: str = APP


def served(args, probe, differs="", app=APP, **env):
    return Served(args, probe, env, differs, app)


def request(started, headers=(), path="/items"):
    """The status, the headers but Date, and what the application was told."""
    connection = started.connect()
    try:
        connection.request("GET", path, headers=dict(headers))
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    fields = {name.lower(): value for name, value in response.getheaders()}
    has_date = fields.pop("date", None) is not None
    if fields.get("server") in ("uvicorn", "fastserve"):
        fields["server"] = "its name"
    for name in ("connection", "keep-alive"):
        fields.pop(name, None)
    told = json.loads(text) if text.startswith("{") else None
    return {"status": response.status, "date": has_date, "headers": fields, "told": told}


def stop(started, number=signal.SIGTERM):
    started.signal(number)
    return started.wait()


def plain(started):
    return request(started)


def by_name(started):
    """Where localhost is 127.0.0.1 and ::1, uvicorn tells the port of one; each has its own."""
    found = plain(started)
    found["told"]["client"] = found["told"]["client"] in ("127.0.0.1", "::1")
    return found


def forwarded(started):
    headers = {"X-Forwarded-For": "192.0.2.1, 192.0.2.7", "X-Forwarded-Proto": "https"}
    told = request(started, headers)["told"]
    return told["client"], told["scheme"]


def handshake(started, extensions=""):
    """The status of an upgrade request, and the extension that is agreed upon."""
    key = base64.b64encode(bytes(16)).decode()
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
    }
    if extensions:
        headers["Sec-WebSocket-Extensions"] = extensions
    connection = started.connect()
    try:
        connection.request("GET", "/", headers=headers)
        response = connection.getresponse()
        return response.status, bool(response.getheader("sec-websocket-extensions"))
    finally:
        connection.close()


def deflate(started):
    return handshake(started, "permessage-deflate")


def message(size):
    def probe(started):
        """The close code for a text of this size, or its echo."""
        from websockets.exceptions import ConnectionClosed
        from websockets.sync.client import connect

        with connect(f"ws://127.0.0.1:{started.port}/", compression=None) as client:
            client.send("x" * size)
            try:
                return len(client.recv(timeout=WAIT))
            except ConnectionClosed as closed:
                return closed.rcvd and closed.rcvd.code

    return probe


def log(started):
    """The access log, without the client's port."""
    request(started)
    stop(started)
    text = "\n".join(started.stdout)
    return {"lines": len(started.stdout), "line": '"GET /items HTTP/1.1" 200' in text}


def quiet(started):
    outcome = log(started)
    found = [line for line in started.stderr if "running on" in line]
    return {**outcome, "messages": len(found)}


def log_file(started):
    request(started)
    stop(started)
    text = started.folder.joinpath("log").read_text()
    names = ("uvicorn|", "fastserve|", "uvicorn.error|", "uvicorn.access|", "fastserve.access|")
    lines = [line for line in text.splitlines() if line.startswith(names)]
    return {
        "access": any('"GET /items HTTP/1.1" 200' in line for line in lines),
        "messages": any("running on" in line for line in lines),
    }


def three_requests(started):
    statuses = [request(started)["status"] for _ in range(3)]
    return statuses, started.wait()


def hanging(started):
    """A stop does not wait longer than it may for a response without an end."""
    connection = started.connect()
    connection.request("GET", "/hang")
    response = connection.getresponse()
    first = response.read(5).decode()
    stop(started)
    connection.close()
    return first


def large_head(size):
    def probe(started):
        connection = started.connect()
        try:
            connection.putrequest("GET", "/items")
            connection.putheader("X-Large", "x" * size)
            connection.endheaders()
            return connection.getresponse().status
        finally:
            connection.close()

    return probe


def status_of(number):
    def probe(started):
        request(started)
        return stop(started, number)

    return probe


def of_a_worker(started):
    return request(started)["told"]["in a worker"]


def ended(started):
    """For a command that ends by itself."""
    return started.wait()


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "default": {"()": "uvicorn.logging.DefaultFormatter", "fmt": "%(name)s|%(message)s"},
        "access": {
            "()": "uvicorn.logging.AccessFormatter",
            "fmt": '%(name)s|%(client_addr)s "%(request_line)s" %(status_code)s',
        },
    },
    "handlers": {
        "default": {"class": "logging.FileHandler", "filename": "LOG", "formatter": "default"},
        "access": {"class": "logging.FileHandler", "filename": "LOG", "formatter": "access"},
    },
    "loggers": {
        "uvicorn": {"handlers": ["default"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"level": "INFO"},
        "uvicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
}
LOGGING_INI = """
[loggers]
keys = root, error, access
[handlers]
keys = file
[formatters]
keys = short
[logger_root]
level = WARNING
handlers =
[logger_error]
level = INFO
handlers = file
qualname = uvicorn.error
propagate = 0
[logger_access]
level = INFO
handlers = file
qualname = uvicorn.access
propagate = 0
[handler_file]
class = FileHandler
formatter = short
args = ("LOG",)
[formatter_short]
format = %(name)s|%(message)s
"""
# Written into the folder of the case before it starts.
FILES = {
    "logging.json": json.dumps(LOGGING),
    "logging.yaml": json.dumps(LOGGING),  # JSON is YAML
    "logging.ini": LOGGING_INI,
    "variables.env": "NAMES_VARIABLE=from the file\n",
    "elsewhere.py": "from uvicorn_names.app import app\n",
}

SERVED = {
    "plain": served("", plain),
    "host": served("--host localhost", by_name),
    "all addresses": served("--host 0.0.0.0", plain),
    "proxy headers": served("", forwarded),
    "no proxy headers": served("--no-proxy-headers", forwarded),
    "another proxy": served("--forwarded-allow-ips 10.0.0.1", forwarded),
    "any proxy": served("", forwarded, FORWARDED_ALLOW_IPS="*"),
    "root path": served("--root-path /api", plain),
    "root path/": served("--root-path /api/", plain, differs="root_path/"),
    "uds": served("--uds {folder}/socket", plain),
    "fd": served("--fd {fd}", plain),
    "no headers": served("--no-server-header --no-date-header", plain),
    "headers": served("--header X-One:1 --header X-Two:2", plain),
    "a server of its own": served("--header Server:mine", plain),
    "factory": served("--factory", plain, app="uvicorn_names.app:make"),
    "factory unsaid": served("", plain, app="uvicorn_names.app:make"),
    "wsgi": served("--interface wsgi", plain, app="uvicorn_names.app:wsgi"),
    "asgi2": served("--interface asgi2", plain, app="uvicorn_names.app:asgi2"),
    "asgi2 found": served("", plain, app="uvicorn_names.app:asgi2"),
    "env file": served("--env-file {folder}/variables.env", plain),
    "app dir": served("--app-dir {folder}", plain, app="elsewhere:app"),
    "lifespan off": served("--lifespan off", plain),
    "workers": served("--workers 2", of_a_worker),
    "WEB_CONCURRENCY": served("", of_a_worker, WEB_CONCURRENCY="2"),
    "reload": served("--reload", of_a_worker),
    "h11": served("--http h11", plain),
    "httptools": served("--http httptools --loop asyncio", plain),
    "ws": served("--ws auto", message(20)),
    "wsproto": served("--ws wsproto", message(20)),
    "ws none": served("--ws none", handshake),
    "ws-max-size": served("--ws-max-size 10", message(20)),
    "deflate": served("--ws-per-message-deflate true", deflate),
    "no deflate": served("--ws-per-message-deflate false", deflate),
    "access log": served("", log),
    "no access log": served("--no-access-log", log),
    "log-level warning": served("--log-level warning --fd {fd}", quiet),
    "log config": served("--fd {fd} --log-config {folder}/logging.json", log_file),
    "log config in YAML": served("--fd {fd} --log-config {folder}/logging.yaml", log_file),
    "log config in INI": served("--fd {fd} --log-config {folder}/logging.ini", log_file),
    "limit-max-requests": served("--limit-max-requests 3", three_requests),
    "graceful shutdown": served("--timeout-graceful-shutdown 1", hanging),
    "no graceful shutdown": served("--timeout-graceful-shutdown 0", hanging),
    "larger heads": served("--http h11 --h11-max-incomplete-event-size 50000", large_head(40_000)),
    "smaller heads": served(
        "--http h11 --h11-max-incomplete-event-size 5000",
        large_head(20_000),
        differs="too large a head",
    ),
    "tls": served(f"--ssl-keyfile {KEY} --ssl-certfile {CERT}", plain),
    "SIGTERM": served("", status_of(signal.SIGTERM), differs="status after SIGTERM"),
    "SIGINT": served("", status_of(signal.SIGINT)),
    "no module": served("", ended, app="nowhere:app", differs="status of a failed start"),
    "no attribute": served(
        "", ended, app="uvicorn_names.app:no", differs="status of a failed start"
    ),
    "failed startup": served(
        "", ended, app="uvicorn_names.app:fails", differs="status of a failed start"
    ),
    "port in use": served("--port {busy}", ended, differs="status of a failed start"),
}
