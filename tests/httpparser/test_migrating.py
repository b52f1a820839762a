"""docs/migrating-from-httptools.md: its examples run, and what it says differs does."""

import re
import subprocess
import sys
from pathlib import Path

import httptools
import pytest

from httpparser import httptools as ours

PAGE = Path(__file__).parents[2] / "docs" / "migrating-from-httptools.md"
LONG = b"http://h/" + b"a" * 65535


def test_the_examples_run_one_after_the_other() -> None:
    program = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout.startswith("GET /hello b'a=b'")
    assert done.stdout.endswith("the request is complete\n")


def test_long_urls() -> None:
    with pytest.raises(httptools.HttpParserInvalidURLError):
        httptools.parse_url(LONG)
    assert ours.parse_url(LONG).path == LONG.removeprefix(b"http://h")


def test_the_authority_form() -> None:
    with pytest.raises(httptools.HttpParserInvalidURLError):
        httptools.parse_url(b"example.org:80")
    url = ours.parse_url(b"example.org:80")
    assert (url.host, url.port) == (b"example.org", 80)


def test_feeding_inside_a_callback() -> None:
    class Protocol:
        def on_message_begin(self) -> None:
            parser.feed_data(b"x")

    parser = ours.HttpRequestParser(Protocol())
    with pytest.raises(ours.HttpParserCallbackError) as caught:
        parser.feed_data(b"GET / HTTP/1.1\r\n\r\n")
    cause = caught.value.__context__
    assert isinstance(cause, ours.HttpParserError)
    assert cause.code == "REENTRANT_FEED"
