"""Options of other servers: what to use here instead. docs/migrating.md has the same table."""

from typing import NamedTuple

GUNICORN, HYPERCORN, GRANIAN = "gunicorn", "hypercorn", "granian"
SERVERS = (GUNICORN, HYPERCORN, GRANIAN)


class Foreign(NamedTuple):
    """Options of these servers that fastserve has not, and what it says to who tries one."""

    flags: str
    servers: tuple[str, ...]
    answer: str


def rows(server: str, table: str) -> list[Foreign]:
    """One for each line: flags, two spaces or more, the answer."""
    pairs = (line.split("  ", 1) for line in table.strip().splitlines())
    return [
        Foreign(flags.strip(), tuple(server.split()), answer.strip()) for flags, answer in pairs
    ]


TABLE = (
    *rows(
        "gunicorn hypercorn",
        """
-h                        use --help
-v                        use --version
-b                        use --bind
-w                        use --workers
-k --worker-class         remove it; every worker runs an event loop, and --loop says which
--max-requests            use --limit-max-requests
--max-requests-jitter     use --limit-max-requests-jitter
--graceful-timeout        use --timeout-graceful-shutdown
--keep-alive              use --timeout-keep-alive
--certfile                use --ssl-certfile
--keyfile                 use --ssl-keyfile
--ca-certs                use --ssl-ca-certs
--cert-reqs               use --ssl-cert-reqs
--ciphers                 use --ssl-ciphers
-c                        use --config with a TOML file
-D --daemon               remove it; systemd or another supervisor keeps the process
-p --pid                  use --pid-file
-u                        use --user
-g                        use --group
-m                        use --umask
--access-logfile          use --access-log-file
--access-logformat        use --access-log-format, which knows the same atoms
--error-logfile           use --log-file
--statsd-host             fastserve sends no metrics; use --metrics, for Prometheus to fetch them
--statsd-prefix           fastserve sends no metrics; use --metrics, for Prometheus to fetch them
""",
    ),
    *rows(
        "gunicorn granian",
        """
--http2-max-concurrent-streams    use --h2-max-concurrent-streams
--http2-max-frame-size    remove it
""",
    ),
    *rows(
        "gunicorn",
        """
-t --timeout              use --timeout-worker-healthcheck
--worker-connections      use --limit-connections
--limit-request-fields    use --limit-field-count
--limit-request-field_size    use --limit-field
--reload-engine           remove it; --reload uses watchfiles
--reload-extra-file       use --reload-include
--spew                    remove it; fastserve does not trace lines
--check-config            use fastserve check
--print-config            use fastserve check
--preload                 remove it; each worker imports the application itself
--no-sendfile             remove it; only an application that asks for it gets sendfile()
--reuse-port              remove it; the workers share the listening sockets
--chdir                   use --app-dir, or change the directory before the start
-e --env                  use --env-file, or set the variable before the start
--worker-tmp-dir          remove it; workers report over a socket
--initgroups              remove it; --user brings the groups of the user
--disable-redirect-access-to-syslog    use --log-config
--capture-output          redirect standard output and standard error
--logger-class            use --log-config
--log-config-json         use --log-config with a .json file
--log-syslog              use --log-config with a SysLogHandler
--log-syslog-to           use --log-config with a SysLogHandler
--log-syslog-prefix       use --log-config with a SysLogHandler
--log-syslog-facility     use --log-config with a SysLogHandler
-R --enable-stdio-inheritance    remove it; workers have standard output and standard error
--dogstatsd-tags          fastserve sends no metrics; use --metrics, for Prometheus to fetch them
--enable-backlog-metric   fastserve sends no metrics; use --metrics, for Prometheus to fetch them
-n --name                 use --process-name
--pythonpath              use --app-dir, or set PYTHONPATH
--paste --paster          name the application as MODULE:ATTRIBUTE
--paste-global            name the application as MODULE:ATTRIBUTE
--proxy-allow-from        use --forwarded-allow-ips
--protocol                remove it; fastserve speaks HTTP
--uwsgi-allow-from        remove it; fastserve does not speak the uwsgi protocol
--suppress-ragged-eofs    remove it
--do-handshake-on-connect    remove it; use --timeout-tls-handshake
--http-protocols          remove it; --no-http2 turns HTTP/2 off
--http2-cleartext         remove it; --no-http2 turns HTTP/2 off
--http2-initial-window-size    use --h2-initial-window-size
--http2-max-header-list-size    use --h2-max-field-block
--permit-obsolete-folding    remove it; RFC 9112 5.2 has a server refuse it
--strip-header-spaces     remove it; RFC 9112 5.1 has a server refuse them
--permit-unconventional-http-method    remove it; the application gets any method
--permit-unconventional-http-version    remove it; other versions are refused
--casefold-http-method    remove it; methods are case-sensitive
--forwarder-headers       use --forwarded-headers and --forwarded-allow-ips
--header-map              remove it; the application gets the names as they were sent
--asgi-loop               use --loop
--asgi-lifespan           use --lifespan
--asgi-disconnect-grace-period    remove it; receive() gives http.disconnect at once
--websocket-max-message-size    use --ws-max-size
--http-parser             use --http
--dirty-app               fastserve has no such workers; use a task queue
--dirty-workers           fastserve has no such workers; use a task queue
--dirty-timeout           fastserve has no such workers; use a task queue
--dirty-threads           fastserve has no such workers; use a task queue
--dirty-graceful-timeout  fastserve has no such workers; use a task queue
--control-socket          send signals; see docs/deploying.md
--control-socket-mode     send signals; see docs/deploying.md
--no-control-socket       remove it; there is none
""",
    ),
    *rows(
        "hypercorn",
        """
--insecure-bind           use --bind http://HOST:PORT beside --bind https://HOST:PORT
--quic-bind               fastserve does not speak HTTP/3
--keyfile-password        use --ssl-keyfile-password
--verify-mode             use --ssl-cert-reqs
--error-log               redirect standard error, or use --log-config
--debug                   use --log-level debug
--read-timeout            use --timeout-head and --timeout-body
--server-name             let the proxy or the application check the Host field
--websocket-ping-interval    use --ws-ping-interval
""",
    ),
    *rows(
        "granian",
        """
--uds-permissions         use --bind unix:PATH?mode=660
--no-ws                   use --ws none
--blocking-threads        remove it; for WSGI, a2wsgi has its threads
--blocking-threads-idle-timeout    remove it; for WSGI, a2wsgi has its threads
--runtime-threads         use --threads on a Python without the GIL; else remove it
--runtime-blocking-threads    remove it; asyncio has threads for calls that block
--runtime-mode            remove it; a thread has one loop, and --threads says how many
--task-impl               remove it
--backpressure            use --limit-concurrency
--http1-buffer-size       use --limit-fields
--http1-header-read-timeout    use --timeout-head, in seconds
--http1-keep-alive        remove it; see --timeout-keep-alive
--no-http1-keep-alive     use --timeout-keep-alive 0
--http1-pipeline-flush    remove it
--no-http1-pipeline-flush    remove it
--http2-adaptive-window   remove it; see --h2-max-window-size
--no-http2-adaptive-window    remove it; see --h2-max-window-size
--http2-initial-connection-window-size    use --h2-connection-window-size
--http2-initial-stream-window-size    use --h2-initial-window-size
--http2-keep-alive-interval    use --h2-ping-interval, in seconds
--http2-keep-alive-timeout    use --h2-ping-timeout, in seconds
--http2-max-headers-size  use --h2-max-field-block
--http2-max-send-buffer-size    use --write-high-water
--log                     use --log-level
--no-log                  use --log-level critical
--access-log-fmt          use --access-log-format, which has gunicorn's atoms
--ssl-certificate         use --ssl-certfile
--ssl-protocol-min        use --ssl-min-version
--ssl-ca                  use --ssl-ca-certs
--ssl-crl                 use --ssl-crlfile
--ssl-client-verify       use --ssl-cert-reqs required
--no-ssl-client-verify    remove it
--url-path-prefix         use --root-path
--respawn-failed-workers  remove it; a worker that ends is replaced
--no-respawn-failed-workers    use --workers 1, and a supervisor for it
--respawn-interval        remove it; see docs/reliability.md
--rss-sample-interval     remove it; see --worker-max-memory
--rss-samples             remove it; see --worker-max-memory
--workers-lifetime        use --worker-lifetime
--workers-max-rss         use --worker-max-memory, as 512M
--workers-kill-timeout    use --timeout-graceful-shutdown
--working-dir             use --app-dir, or change the directory before the start
--env-files               use --env-file
--static-path-route       use --static PREFIX=DIR
--static-path-mount       use --static PREFIX=DIR
--static-path-dir-to-file    remove it; --static serves index.html for a folder
--static-path-expires     use --static-max-age
--no-metrics              remove it; metrics are off without --metrics
--metrics-scrape-interval    remove it; every scrape has the counts of now
--metrics-address         use --metrics HOST:PORT
--metrics-port            use --metrics PORT
--reload-paths            use --reload-dir
--reload-ignore-dirs      use --reload-exclude
--reload-ignore-patterns  use --reload-exclude
--reload-ignore-paths     use --reload-exclude
--reload-tick             use --reload-delay, in seconds
--reload-ignore-worker-failure    remove it; a failed start waits for a change
--no-reload-ignore-worker-failure    remove it; a failed start waits for a change
""",
    ),
)

# Names that mean something else there; the help of the option says what it is here.
OTHER_MEANING = {
    GUNICORN: {
        "--config": "a Python file there, a TOML file here",
        "--log-config": "an INI file there; JSON, TOML and YAML too here",
        "--ssl-version": "a name there, a number of the ssl module here",
        "--proxy-protocol": "`off`, `v1`, `v2` or `auto` there, a switch here",
        "--backlog": "the same; at the limit of connections, accepting pauses here",
        "--threads": "threads for WSGI there, event loops here; for WSGI, a2wsgi has its threads",
    },
    HYPERCORN: {
        "--access-log": "a file there; a switch here, and --access-log-file names a file",
        "--config": "TOML with its own names there",
    },
    GRANIAN: {
        "--workers": "threads there on a free-threaded Python; processes here, and --threads",
        "--ws": "a switch there; `auto` or `none` here",
        "--http": "the version there, the parser here",
        "--interface": "`asgi3` and `wsgi` here; rsgi is granian's own",
        "--loop": "rloop and winloop are not offered",
        "--metrics": "a switch there; an address here, `[HOST:]PORT`",
    },
}


def answer(flag: str) -> str | None:
    """What to use instead of this option of another server; None if none has it."""
    for row in TABLE:
        if flag in row.flags.split():
            return row.answer
    return None
