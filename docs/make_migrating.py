"""Print docs/migrating.md: `python docs/make_migrating.py > docs/migrating.md`."""

from uvicorn_differences import DEFAULTS, DIFFERENCES, MISSING

from fastserve.config import options
from fastserve.foreign import GRANIAN, GUNICORN, HYPERCORN, OTHER_MEANING, TABLE

HEAD = """# Coming from another server

`docs/make_migrating.py` generates this page; tests use the same tables. If you give fastserve an
option of gunicorn, hypercorn or granian, it names the one to use:

```console
$ fastserve main:app --bind 0.0.0.0:80
fastserve: --bind: use --host and --port, --uds or --fd
```

- [uvicorn](#uvicorn)
- [gunicorn](#gunicorn)
- [hypercorn](#hypercorn)
- [granian](#granian)
- [httptools](#httptools)

## uvicorn

Change one word: `uvicorn main:app --reload` is `fastserve main:app --reload`, `uvicorn.run(app)` is
`fastserve.run(app)`. Every option has uvicorn's name and takes its values, on the command line, in
the environment (`UVICORN_PORT` is `FASTSERVE_PORT`) and as a keyword. `WEB_CONCURRENCY` and
`FORWARDED_ALLOW_IPS` are read. A test runs more than a hundred command lines and fifty programs
with the two servers and compares the outcomes (`tests/server/test_uvicorn_names.py`).

```python
import asyncio
import fastserve

server = fastserve.Server(fastserve.Config("main:app", port=8000, log_level="info"))


async def main():
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.1)
    ...
    server.should_exit = True
    await task
```

`Server.run`, `serve`, `startup`, `main_loop`, `shutdown`, `started`, `should_exit`, `force_exit`,
`handle_exit`, `capture_signals` and `servers` are there for programs that embed or derive from it;
`Config.load`, `loaded`, `bind_socket`, `is_ssl` and `get_loop_factory` too. `server_state`,
`lifespan` and the protocol classes are internal to uvicorn: they do not exist here.

A file for `--log-config` (JSON, YAML or INI) and a dict that were made for uvicorn configure our
loggers: `uvicorn` and `uvicorn.error` mean `fastserve`, `uvicorn.access` means `fastserve.access`.
`uvicorn.logging.DefaultFormatter` and `AccessFormatter` are replaced with ours, so uvicorn need not
be installed. What a program does to the logger `uvicorn.access` (filters, handlers, a level,
`disabled`) is done to our access log. `fastserve.config.LOGGING_CONFIG` is a dict to change and
give as `log_config`. What an application logs to `uvicorn.error` is shown as before.

Lines of both logs begin with the time and the process, which uvicorn's do not; refused requests,
clients that left (499) and WebSockets are in the access log too. A script that parses uvicorn's
lines gets them with `log_config=fastserve.config.LOGGING_CONFIG`, or with the file that you gave
uvicorn: its arguments of a record are ours. [logging.md](logging.md) has all of it.

`--env-file` needs python-dotenv, as with uvicorn: `pip install 'fastserve-asgi[env]'`.

`--http httptools` and `zttp` mean our parser over llhttp, `--ws websockets`, `websockets-sansio`
and `wsproto` our WebSocket; the log says so."""

FOREIGN_HEADS = {
    GUNICORN: """## gunicorn

`gunicorn -k uvicorn.workers.UvicornWorker -w 4 -b 0.0.0.0:80 main:app` is
`fastserve main:app --workers 4 --bind 0.0.0.0:80`. Settings of a `gunicorn.conf.py` have the
names of the options with underscores; write them into a TOML file for `--config`. The main process
takes SIGHUP, SIGTERM, SIGTTIN and SIGTTOU as gunicorn's does. SIGUSR2 needs no SIGTERM after it:
the old process stops by itself once the new one is ready. To keep gunicorn in front, use
`-k fastserve.gunicorn.Worker`: [embedding.md](embedding.md#under-gunicorn).""",
    HYPERCORN: """## hypercorn

`hypercorn main:app --bind 0.0.0.0:80` is `fastserve main:app --bind 0.0.0.0:80`.""",
    GRANIAN: """## granian

`granian --interface asgi main:app` is `fastserve main:app`; `GRANIAN_PORT` is `FASTSERVE_PORT`.""",
}

TAIL = """
## httptools

`httpparser` has the classes, functions and exceptions of httptools: `from httpparser import
HttpRequestParser, parse_url`. [migrating-from-httptools.md](migrating-from-httptools.md) says what
differs, and what `install_as_httptools()` does for programs that cannot be changed."""


def flag_of(name: str) -> str:
    return {option.name: option.flag for option in options()}.get(name, f"--{name}")


def uvicorn_tables() -> None:
    print("\n### Defaults that differ\n\n| option | default here, and why |\n| --- | --- |")
    for name, reason in DEFAULTS.items():
        print(f"| `{flag_of(name)}` | {reason} |")
    if MISSING:
        print("\n### Options that fastserve does not have\n\n| option | |\n| --- | --- |")
        for name, reason in MISSING.items():
            print(f"| `--{name.replace('_', '-')}` | {reason} |")
    print("\n### What else differs\n\n| uvicorn | fastserve | why |\n| --- | --- | --- |")
    for row in DIFFERENCES.values():
        print(f"| {' | '.join(row)} |")


def foreign_tables(server: str) -> None:
    print(f"\n{FOREIGN_HEADS[server]}\n\n| {server} | here |\n| --- | --- |")
    for row in TABLE:
        if server in row.servers:
            flags = ", ".join(f"`{flag}`" for flag in row.flags.split())
            print(f"| {flags} | {row.answer} |")
    print(f"\nThe same name, with another meaning:\n\n| {server} | |\n| --- | --- |")
    for flag, meaning in OTHER_MEANING[server].items():
        print(f"| `{flag}` | {meaning} |")


print(HEAD)
uvicorn_tables()
for each in FOREIGN_HEADS:
    foreign_tables(each)
print(TAIL)
