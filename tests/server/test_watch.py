"""Which changed files cause a reload."""

import pytest

from fastserve import Config
from fastserve.watch import Patterns

CASES = [
    ({}, "/app/main.py", True),
    ({}, "/app/page.html", False),
    ({}, "/app/.hidden.py", False),
    ({}, "/app/main.pyc", False),
    ({"reload_includes": ["*.html"]}, "/app/page.html", True),
    ({"reload_includes": ["*.html"]}, "/app/main.py", True),
    ({"reload_includes": [".env"]}, "/app/.env", True),
    ({"reload_includes": [".*"]}, "/app/.hidden.py", True),
    ({"reload_excludes": ["test_*.py"]}, "/app/test_main.py", False),
    ({"reload_excludes": ["*.py"]}, "/app/main.py", False),
]


@pytest.mark.parametrize(("given", "path", "wanted"), CASES)
def test_patterns(given, path, wanted):
    assert Patterns(Config("a:b", reload=True, **given)).match(path) is wanted


def test_a_folder_that_is_excluded(tmp_path):
    (tmp_path / "made").mkdir()
    config = Config("a:b", reload=True, reload_excludes=[tmp_path / "made"])
    assert not Patterns(config).match(str(tmp_path / "made" / "deep" / "main.py"))
    assert Patterns(config).match(str(tmp_path / "main.py"))
