"""What README.md shows works as it is shown."""

import re
from pathlib import Path
from types import SimpleNamespace

from serving import Command, get
from websocket.cases import HI, TEXT
from websocket.client import Client

README = Path(__file__).parents[2] / "README.md"


def test_the_application_of_the_readme(tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "hello.py").write_text(next(block for block in blocks if "# hello.py" in block))
    with Command("hello:app", "--loop", "uvloop", "--port", "0", cwd=tmp_path) as command:
        assert get(command.port()) == (200, "Hello, world!\n")


def test_the_example():
    with Command("examples.hello:app", "--port", "0", cwd=README.parent) as command:
        assert get(command.port()) == (200, "Hello, world!\n")


def test_the_chat():
    with Command("examples.chat:app", "--port", "0", cwd=README.parent) as command:
        port = command.port()
        assert "WebSocket" in get(port)[1]
        command.server = SimpleNamespace(ports=[port])
        with Client(command) as one, Client(command) as two:
            for speaker in (one, two):
                speaker.send(HI)
                assert one.frame() == two.frame() == (TEXT, b"Hi")
            assert one.close() == [(8, b"\x03\xe8")]
            two.send(HI)
            assert two.frame() == (TEXT, b"Hi")
