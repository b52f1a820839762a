"""`python -m uvicorn_names.side PACKAGE`: outcomes of the tables with one server, as JSON."""

import importlib
import json
import logging
import os
import signal
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import click

from . import programs
from .commands import PARSED, SERVED
from .started import MAIN, outcome, preload

VARIABLES = ("WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS")
SAME = {
    "http": {"httptools": "llhttp", "zttp": "llhttp"},
    "ws": {"websockets": "auto", "websockets-sansio": "auto", "wsproto": "auto"},
    "ssl_cert_reqs": {"none": 0, "optional": 1, "required": 2},
}


def normal(name, value):
    """The value as JSON, in one form for the two."""
    if name == "headers":
        pairs = [each.split(":", 1) if isinstance(each, str) else each for each in value]
        return [[key.lower(), text] for key, text in pairs]
    if name == "reload_dirs":
        return sorted(str(Path(each).resolve()) for each in value)
    if isinstance(value, tuple | list | set):
        return sorted(map(str, value))
    if isinstance(value, Path):
        return str(value)
    return SAME.get(name, {}).get(value, value)


def parse(package, case):
    """The exit status of a command line, and the values of the options in question."""
    given = {}
    module = importlib.import_module(MAIN[package][0])
    command = getattr(module, "command" if package == "fastserve" else "main")
    module.run = lambda app, **options: given.update(options, app=app)
    library = importlib.import_module(package)
    for name in VARIABLES:
        os.environ.pop(name, None)
    env = {key.replace("PREFIX", package.upper()): value for key, value in case.env.items()}
    os.environ.update(env)
    try:
        command.main(case.args.split(), standalone_mode=False)
        given.pop("app_dir", None)
        config = library.Config(**given)
        return 0, {name: normal(name, getattr(config, name)) for name in case.names}
    except click.ClickException as error:
        return error.exit_code, {}
    except ValueError:  # ConfigError, with which the command ends
        return 2, {}
    finally:
        for name in env:
            del os.environ[name]


def use(package, function):
    """The outcome of a program; logging and signals are as in a new process."""
    reset_logging()
    # Two servers of uvicorn in a loop leave the first one's handlers behind.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(importlib.import_module(package))
        except BaseException:
            return traceback.format_exc()
        finally:
            reset_logging()


def reset_logging():
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.filters.clear()
            logger.disabled = False
            logger.propagate = True
            logger.setLevel(logging.WARNING if logger is logging.root else logging.NOTSET)


def main():
    package = sys.argv[1]
    warnings.simplefilter("ignore")
    preload(package)
    served = {}
    for name, case in SERVED.items():  # first, while there is no other thread
        with tempfile.TemporaryDirectory() as folder:
            served[name] = outcome(package, case, Path(folder))
    outcomes = {
        "served": served,
        "parsed": {name: parse(package, case) for name, case in PARSED.items()},
        "programs": {name: use(package, each) for name, each in programs.PROGRAMS.items()},
    }
    sys.stdout.flush()
    with open(sys.argv[2], "w") as file:
        json.dump(outcomes, file, default=str)


if __name__ == "__main__":
    main()
