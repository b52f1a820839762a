"""What the server says of itself when it starts."""

import os
import sys

import pytest
from serving import Command, one_loop

from fastserve import Config
from fastserve.banner import what_runs

PYTHON = ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize(
    ("options", "workers", "expected"),
    [
        ({}, 0, "loop uvloop, parser llhttp, HTTP/2 on, process {}"),
        ({"http": "llhttp"}, 1, "loop uvloop, parser llhttp, HTTP/2 on, process {} with 1 worker"),
        ({"http2": False}, 4, "loop uvloop, parser llhttp, HTTP/2 off, process {} with 4 workers"),
        ({"http": "mine:Parser"}, 0, "loop uvloop, parser mine:Parser, HTTP/2 on, process {}"),
    ],
)
def test_the_line(options, workers, expected):
    line = what_runs(Config("app:app", loop="uvloop", **options), workers)
    assert line == f"Python {PYTHON}, " + expected.format(os.getpid())


@one_loop
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("http", ["llhttp", "h11"])
def test_it_follows_the_address(loop, http):
    options = ("--loop", loop, "--http", http, "--port", "0")
    with Command("apps:app", *options) as command:
        command.port()
        line = command.expect("Python .*").string
        assert f"loop {loop}, parser {http}, HTTP/2 on, process {command.process.pid}\n" in line


@one_loop
def test_workers_share_one_line():
    with Command("apps:app", "--workers", "2", "--port", "0") as command:
        for _ in range(2):
            command.expect("is ready")
        (line,) = (line for line in command.stderr if "Python " in line)
        assert line.endswith(f"process {command.process.pid} with 2 workers")
