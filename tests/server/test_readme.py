"""What README.md shows works as it is shown."""

import re
from pathlib import Path

from serving import Command, get

README = Path(__file__).parents[2] / "README.md"


def test_the_application_of_the_readme(tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "hello.py").write_text(next(block for block in blocks if "# hello.py" in block))
    with Command("hello:app", "--loop", "uvloop", "--port", "0", cwd=tmp_path) as command:
        assert get(command.port()) == (200, "Hello, world!\n")


def test_the_example():
    with Command("examples.hello:app", "--port", "0", cwd=README.parent) as command:
        assert get(command.port()) == (200, "Hello, world!\n")
