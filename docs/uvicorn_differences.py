"""Where fastserve differs from uvicorn, and why: for docs/migrating.md and the tests."""

# Options whose default is another one.
DEFAULTS = {
    "timeout_keep_alive": "65 s, longer than the 60 s of nginx and most load balancers, so that a "
    "proxy never sends into a connection that is just being closed.",
    "timeout_graceful_shutdown": "30 s: where a stop waits for ever, a supervisor ends it with "
    "SIGKILL. `none` waits for ever.",
    "timeout_worker_healthcheck": "60 s: one slow call without `await` costs no worker.",
    "http2": "on: with TLS by ALPN, else for clients that begin with it; HTTP/1.1 is as before.",
    "app_dir": "`.`, which is the same directory as the empty name.",
}

# Options that fastserve does not have (yet).
MISSING: dict[str, str] = {}

# Outcomes of commands and programs: what uvicorn does, what fastserve does, and why.
DIFFERENCES = {
    "workers of 0": (
        "`--workers 0` is one process",
        "an error",
        "It is a mistake of whatever computed the number.",
    ),
    "root_path": (
        "`--root-path api` gives paths such as `apiitems`",
        "an error: it must start with `/`",
        "No router matches such a path.",
    ),
    "root_path/": (
        "`--root-path /api/` gives paths with two slashes",
        "the last slash is dropped",
        "Routers do not match `/api//items`.",
    ),
    "no ssl_ca_certs": (
        "`--ssl-cert-reqs 2` without `--ssl-ca-certs` starts and refuses every client",
        "an error",
        "No certificate can be verified.",
    ),
    "a proxy's name": (
        "`--forwarded-allow-ips nginx` is accepted and trusts nobody",
        "an error",
        "A name is never compared with an address.",
    ),
    "too large a head": (
        "a head over `--h11-max-incomplete-event-size` gets 400 when it arrives in parts, and is "
        "accepted when it arrives at once",
        "431, or 414 for the request line",
        "RFC 6585 5 and RFC 9110 15.5.15; a limit that depends on packets is none.",
    ),
    "status after SIGTERM": (
        "a clean stop ends as killed by the signal (143 in a shell)",
        "exit status 0",
        "Supervisors take anything else for a failure.",
    ),
    "status of a failed start": (
        "exit status 3",
        "exit status 1, and one line that says what to do",
        "2 is for options, 1 for all else.",
    ),
    "exceptions of a failed start": (
        "`SystemExit(3)`",
        "`fastserve.StartError`: `BindError`, `AppError`, `LifespanError`",
        "The program around the server can catch it.",
    ),
    "limit_concurrency": (
        "`--limit-concurrency` counts open connections, idle ones too",
        "it counts requests in progress; `--limit-connections` is for connections",
        "Idle clients are no load, and would lock out the others.",
    ),
    "a stop during startup": (
        "a stop while the application starts waits until it has started",
        "cancels its lifespan call",
        "A startup that waits for a database could not be stopped.",
    ),
    "a wrong keyword": (
        "`TypeError`",
        "`fastserve.ConfigError`, a `ValueError`, which names the option that was meant",
        "It is what every wrong option raises. mypy and pyright see it before that.",
    ),
    "values are checked at once": (
        "a wrong value is noticed when it is used",
        "`Config` raises `ConfigError`",
        "The error is where the mistake is.",
    ),
    "a config cannot be changed": (
        "`config.port = 81` works, even when it no longer has an effect",
        "`Config` is immutable; use `dataclasses.replace(config, port=81)`",
        "What was checked cannot change.",
    ),
    "protocol classes": (
        "`http` and `ws` take a protocol class",
        "`http` takes a parser as `MODULE:CLASS`",
        "A protocol of uvicorn needs uvicorn's server around it.",
    ),
}
