"""Print docs/options_compared.md: `make_options_compared.py > docs/options_compared.md`.

The names of the other servers' options are data here, so that the page needs none of them. With
`--verify` the script compares that data with those of the servers that are installed.
"""
# ruff: noqa: E501 - each row of the tables is one line

import importlib
import importlib.metadata
import sys

from fastserve.config import options

VERSIONS = {"uvicorn": "0.54.0", "gunicorn": "27.0.1", "hypercorn": "0.18.0", "granian": "2.8.7"}
SERVERS = tuple(VERSIONS)

# Ours | uvicorn's | gunicorn's | hypercorn's | granian's. A gunicorn setting without an option on
# its command line has its name in the configuration file; hypercorn's names are all those of its
# file, for its command line lacks many.
HAVE = """
APP | | wsgi_app | application_path |
--host --port | --host --port | | | --host --port
--bind | | --bind | bind insecure_bind |
--uds | --uds | | | --uds
--bind unix:PATH?mode=660 | | | | --uds-permissions
--fd | --fd | | |
--backlog | --backlog | --backlog | backlog | --backlog
--app-dir | --app-dir | --chdir --pythonpath | | --working-dir
--factory | --factory | | | --factory
--interface | --interface | | | --interface
--lifespan | --lifespan | --asgi-lifespan | |
--env-file | --env-file | --env | | --env-files
--reset-contextvars | --reset-contextvars | | |
--static | | | | --static-path-route --static-path-mount --static-path-dir-to-file
--static-max-age | | | | --static-path-expires
--loop | --loop | --asgi-loop | worker_class | --loop
--workers | --workers | --workers | workers | --workers
--threads, without the GIL | | | | --runtime-threads
--worker-max-memory | | | | --workers-max-rss
--worker-lifetime | | | | --workers-lifetime
--pid-file | | --pid | pid_path | --pid-file
--process-name | | --name default_proc_name | | --process-name
--user | | --user --initgroups | user |
--group | | --group | group |
--umask | | --umask | umask |
--reload | --reload | --reload | use_reloader | --reload
--reload-dir | --reload-dir | | | --reload-paths
--reload-include | --reload-include | --reload-extra-file | |
--reload-exclude | --reload-exclude | | | --reload-ignore-dirs --reload-ignore-patterns --reload-ignore-paths
--reload-delay | --reload-delay | | | --reload-tick
--http | --http | --http-parser | |
--header | --header | | |
--header, and see docs/http2.md | | | alt_svc_headers |
--server-header | --server-header | | include_server_header |
--date-header | --date-header | | include_date_header |
--proxy-headers | --proxy-headers | secure_scheme_headers | |
--forwarded-allow-ips | --forwarded-allow-ips | --forwarded-allow-ips --proxy-allow-from | |
--forwarded-headers | | --forwarder-headers | |
--proxy-protocol | | --proxy-protocol | |
--root-path | --root-path | --root-path | root_path | --url-path-prefix
--log-level | --log-level | --log-level | loglevel debug | --log-level --log
--log-config | --log-config | --log-config --log-config-json logconfig_dict --logger-class | logconfig logconfig_dict | --log-config
--log-config, with a SysLogHandler | | --log-syslog --log-syslog-to --log-syslog-prefix --log-syslog-facility --disable-redirect-access-to-syslog | |
--log-file | | --log-file | errorlog |
--access-log | --access-log | | | --access-log
--access-log-file | | --access-logfile | accesslog |
--access-log-format | | --access-logformat | access_log_format | --access-log-fmt
--use-colors | --use-colors | | |
--metrics | | --statsd-host --statsd-prefix --dogstatsd-tags --enable-backlog-metric | statsd_host statsd_prefix dogstatsd_tags | --metrics --metrics-address --metrics-port --metrics-scrape-interval
--limit-request-line | | --limit-request-line | |
--limit-field | | --limit-request-field_size | |
--limit-field-count | | --limit-request-fields | |
--limit-fields | | | | --http1-buffer-size
--h11-max-incomplete-event-size | --h11-max-incomplete-event-size | | h11_max_incomplete_size |
--limit-body | | | wsgi_max_body_size |
--limit-concurrency | --limit-concurrency | | | --backpressure
--limit-connections | | --worker-connections | |
--limit-max-requests | --limit-max-requests | --max-requests | max_requests |
--limit-max-requests-jitter | --limit-max-requests-jitter | --max-requests-jitter | max_requests_jitter |
--timeout-head | | | read_timeout | --http1-header-read-timeout
--timeout-body | | | read_timeout |
--timeout-keep-alive | --timeout-keep-alive | --keep-alive | keep_alive_timeout | --http1-keep-alive
--timeout-graceful-shutdown | --timeout-graceful-shutdown | --graceful-timeout | graceful_timeout shutdown_timeout | --workers-kill-timeout
--timeout-startup | | | startup_timeout |
--timeout-worker-healthcheck | --timeout-worker-healthcheck | --timeout | |
--http2 | --http2 | --http-protocols --http2-cleartext | alpn_protocols | --http
--h2-max-concurrent-streams | | --http2-max-concurrent-streams | h2_max_concurrent_streams | --http2-max-concurrent-streams
--h2-initial-window-size | | --http2-initial-window-size | | --http2-initial-stream-window-size
--h2-max-window-size | | | | --http2-adaptive-window
--h2-connection-window-size | | | | --http2-initial-connection-window-size
--h2-max-field-block | | --http2-max-header-list-size | h2_max_header_list_size | --http2-max-headers-size
--h2-ping-interval | | | | --http2-keep-alive-interval
--h2-ping-timeout | | | | --http2-keep-alive-timeout
--write-high-water | | | | --http2-max-send-buffer-size
--ws | --ws | | | --ws
--ws-max-size | --ws-max-size | --websocket-max-message-size | websocket_max_message_size |
--ws-max-queue | --ws-max-queue | | max_app_queue_size |
--ws-ping-interval | --ws-ping-interval | | websocket_ping_interval |
--ws-ping-timeout | --ws-ping-timeout | | |
--ws-per-message-deflate | --ws-per-message-deflate | | |
--ssl-certfile | --ssl-certfile | --certfile | certfile | --ssl-certificate
--ssl-keyfile | --ssl-keyfile | --keyfile | keyfile | --ssl-keyfile
--ssl-keyfile-password | --ssl-keyfile-password | | keyfile_password | --ssl-keyfile-password
--ssl-ca-certs | --ssl-ca-certs | --ca-certs | ca_certs | --ssl-ca
--ssl-cert-reqs | --ssl-cert-reqs | --cert-reqs | verify_mode | --ssl-client-verify
--ssl-ciphers | --ssl-ciphers | --ciphers | ciphers |
--ssl-version | --ssl-version | --ssl-version | |
--ssl-min-version | | | | --ssl-protocol-min
--ssl-crlfile | | | | --ssl-crl
--ssl-context | | ssl_context | verify_flags |
--timeout-tls-handshake | | --do-handshake-on-connect | ssl_handshake_timeout |
--config | | --config | |
--version | --version | | | --version
fastserve check | | --check-config --print-config | |
"""

# Why not | uvicorn's | gunicorn's | hypercorn's | granian's
LACK = """
HTTP/3 is left to the proxy in front: Python's ssl has no QUIC | | | quic_bind |
The proxy or the application checks Host | | | server_names |
A supervisor such as systemd keeps the process in the background | | --daemon | daemon |
A thread has one event loop and one kind of task; for WSGI, a2wsgi has the threads | | --threads | | --blocking-threads --blocking-threads-idle-timeout --runtime-blocking-threads --runtime-mode --task-impl
There is one kind of worker | | --worker-class | |
Each worker imports the application itself: event loops and connections do not survive a fork | | --preload | |
A worker that ends is always replaced, later each time; docs/reliability.md has the rules | | | | --respawn-failed-workers --respawn-interval --reload-ignore-worker-failure
Memory is looked at with each heartbeat | | | | --rss-sample-interval --rss-samples
Workers share listening sockets; the kernel's distribution by SO_REUSEPORT loses connections at a restart | | --reuse-port | |
Heartbeats go over a socket, not a file | | --worker-tmp-dir | |
systemd and containers keep standard output and error | | --capture-output --enable-stdio-inheritance | |
A debugger or a tracer does more | | --spew | |
Files are watched by the kernel (watchfiles) | | --reload-engine | |
HTTP alone is served: other protocols have servers of their own | | --protocol --uwsgi-allow-from | |
Requests that RFC 9110 or 9112 forbids are refused; each exception is a way to smuggle | | --permit-obsolete-folding --permit-unconventional-http-method --permit-unconventional-http-version --strip-header-spaces --casefold-http-method | |
There are no CGI variables in which a name with an underscore could pass for another one | | --header-map | |
ASGI has the names of fields in lower case | | | h11_pass_raw_headers |
`receive` tells of a disconnect at once | | --asgi-disconnect-grace-period | |
A connection ends by time and at a restart, not by a count | | | keep_alive_max_requests |
Pipelined responses are always sent together | | | | --http1-pipeline-flush
Frames have up to 16 KiB, the default of RFC 9113 | | --http2-max-frame-size | h2_max_inbound_frame_size | --http2-max-frame-size
Files are sent with sendfile() where the connection can | | --no-sendfile | |
An end of a TLS connection without its close_notify is an end | | --suppress-ragged-eofs | |
The application is named as MODULE:ATTRIBUTE, not in a file of PasteDeploy | | --paster --paste-global | |
Signals do this: docs/deploying.md has the table | | --control-socket --control-socket-mode --no-control-socket | |
Task queues do this better | | --dirty-app --dirty-workers --dirty-timeout --dirty-threads --dirty-graceful-timeout dirty_post_fork dirty_worker_init dirty_worker_exit on_dirty_starting | |
Hooks are Python code in the configuration; the application's lifespan has startup and shutdown | | on_starting on_reload when_ready pre_fork post_fork post_worker_init worker_int worker_abort pre_exec pre_request post_request child_exit worker_exit nworkers_changed on_exit | |
Uploads are not stored by the server | | tmp_upload_dir | |
"""

# What is not in config.py.
OURS_TOO = {"APP", "--config", "--version", "fastserve check"}


def rows(text):
    """The first cell, and the names of each server."""
    for line in text.strip().splitlines():
        first, *cells = (cell.strip() for cell in line.split("|"))
        if len(cells) != len(SERVERS):
            raise SystemExit(f"{len(cells)} cells instead of {len(SERVERS)}: {line}")
        yield first, dict(zip(SERVERS, (cell.split() for cell in cells), strict=True))


def code(names):
    return ", ".join(f"`{name}`" for name in names)


def table(title, first, text):
    lines = [f"\n## {title}\n", f"| {first} | {' | '.join(SERVERS)} |", "| --- " * 5 + "|"]
    for cell, theirs in rows(text):
        shown = cell if first == "why not" else ours(cell)
        lines.append(f"| {shown} | {' | '.join(code(theirs[name]) for name in SERVERS)} |")
    return lines


def ours(cell):
    """The flags of a first cell as code, what follows a comma as words."""
    flags, comma, words = cell.partition(", ")
    several = flags.split() if flags.count("--") > 1 else [flags]
    return code(several) + comma + words


def page():
    known = {name: len(names) for name, names in named(HAVE, LACK).items()}
    lines = [
        "# Options of other servers",
        "",
        "Every option of "
        + ", ".join(f"{name} {VERSIONS[name]} ({known[name]})" for name in SERVERS)
        + ",",
        "and what it is in fastserve. [migrating.md](migrating.md) says the same from their side, and what",
        "differs; `docs/make_options_compared.py --verify` compares the names with the servers",
        "that are installed. gunicorn's settings without an option and all of hypercorn's have",
        "their names in the configuration file.",
        *table("What fastserve has", "fastserve", HAVE),
        *table("What it has not, and why", "why not", LACK),
        "\n## What only fastserve has\n",
    ]
    flags = {flag for cell, _ in rows(HAVE) for flag in cell.split()}
    alone = [option for option in options() if option.in_command and option.flag not in flags]
    lines += [f"- `{option.flag}`: {option.help}" for option in alone]
    return "\n".join(lines)


def named(*texts):
    """The names of each server that the tables have."""
    return {
        server: {name for text in texts for _, theirs in rows(text) for name in theirs[server]}
        for server in SERVERS
    }


def problems():
    """What is wrong with the tables themselves."""
    flags = {option.flag for option in options()} | OURS_TOO
    for cell, _ in rows(HAVE):
        for flag in cell.partition(", ")[0].split(" --"):
            name = flag if flag.startswith(("--", "APP", "fastserve")) else f"--{flag}"
            if name not in flags and name.split()[0] not in flags:
                yield f"{name} is not an option of fastserve"
    for reason, theirs in rows(LACK):
        if not reason:
            yield f"{theirs} has no reason"
    for server, names in named(LACK).items():
        for name in sorted(names & named(HAVE)[server]):
            yield f"{server}'s {name} is in two tables"


# Of the servers that are installed


def uvicorns():
    command = importlib.import_module("uvicorn.main").main
    return {param.opts[0] for param in command.params if param.param_type_name == "option"}


def gunicorns():
    from gunicorn.config import KNOWN_SETTINGS

    return {(item.cli or [item.name])[-1] for item in KNOWN_SETTINGS} | {"--bind"}


def hypercorns():
    from hypercorn.config import Config

    derived = {"log", "ssl_enabled", "cert_reqs"}
    return {
        name
        for name in dir(Config)
        if name[0] != "_" and not callable(getattr(Config, name)) and name not in derived
    } | {"application_path"}


def granians():
    from granian.cli import cli

    return {param.opts[0] for param in cli.params if param.param_type_name == "option"}


READERS = {
    "uvicorn": uvicorns,
    "gunicorn": gunicorns,
    "hypercorn": hypercorns,
    "granian": granians,
}


def differences():
    for server, read in READERS.items():
        try:
            version = importlib.metadata.version(server)
        except importlib.metadata.PackageNotFoundError:
            continue
        if version != VERSIONS[server]:
            yield f"{server} {version} is installed; the table is of {VERSIONS[server]}"
        there, here = read(), named(HAVE, LACK)[server]
        yield from (f"{server}'s {name} is not in the table" for name in sorted(there - here))
        yield from (f"{server} has no {name}" for name in sorted(here - there))


if __name__ == "__main__":
    if sys.argv[1:] == ["--verify"]:
        found = [*problems(), *differences()]
        sys.exit("\n".join(found) or 0)
    print(page())
