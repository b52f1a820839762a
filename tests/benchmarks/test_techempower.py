"""The TechEmpower apps answer as its rules want."""

import asyncio
import json

import pytest

from benchmarks.techempower.app import app


def answer(path):
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(app({"type": "http", "path": path}, None, send))
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


@pytest.mark.parametrize("path", ["/plaintext", "/json"])
def test_the_length_is_right(path):
    status, headers, body = answer(path)
    assert status == 200
    assert headers[b"content-length"] == str(len(body)).encode()


def test_the_bodies():
    assert answer("/plaintext")[2] == b"Hello, World!"
    assert json.loads(answer("/json")[2]) == {"message": "Hello, World!"}
    assert answer("/other")[0] == 404
