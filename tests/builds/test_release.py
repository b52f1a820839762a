"""The pieces of `make release-check`, and what the distribution says of itself."""

import io
import re
import sys
import tarfile
import zipfile
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import fastserve
import httpparser

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "release"))
import check  # noqa: E402
import readme  # noqa: E402

README = (ROOT / "README.md").read_text()
ADDRESS = "https://example.org/a/b"

LINKS = {
    "a file": ("[x](docs/x.md)", f"[x]({ADDRESS}/blob/v1/docs/x.md)"),
    "a folder": ("[x](examples)", f"[x]({ADDRESS}/blob/v1/examples)"),
    "a part": ("[x](x.md#part)", f"[x]({ADDRESS}/blob/v1/x.md#part)"),
    "a picture": ("![x](x.svg)", f"![x]({ADDRESS}/raw/v1/x.svg)"),
    "two in a line": (
        "[x](x.md), [y](y.md)",
        f"[x]({ADDRESS}/blob/v1/x.md), [y]({ADDRESS}/blob/v1/y.md)",
    ),
    "text of two lines": ("[x\ny](x.md)", f"[x\ny]({ADDRESS}/blob/v1/x.md)"),
    "absolute": ("[x](https://example.com/x.md)", "[x](https://example.com/x.md)"),
    "in the page": ("[x](#part)", "[x](#part)"),
    "code": ("```\na[0](b)\n```\n", "```\na[0](b)\n```\n"),
}


@pytest.mark.parametrize(("text", "expected"), LINKS.values(), ids=LINKS)
def test_links_become_absolute(text, expected):
    assert readme.absolute_links(text, ADDRESS, "v1") == expected


def test_no_link_of_the_readme_is_forgotten():
    links = re.findall(r"\]\(([^)]+)\)", readme.absolute_links(README, ADDRESS, "v1"))
    assert len(links) > 10
    assert [link for link in links if not link.startswith("https://")] == []


def test_links_of_the_readme_lead_to_files():
    found = [match["path"] for match in readme.LINK.finditer(README)]
    assert len(found) > 10
    assert [path for path in found if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("urls", ["", f'[project.urls]\nRepository = "{ADDRESS}.git"\n'])
def test_the_address_is_that_of_pyproject(urls, tmp_path, monkeypatch):
    monkeypatch.setattr(readme, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text(f"[project]\n{urls}")
    (tmp_path / "README.md").write_text("[x](x.md)")
    (tmp_path / "httpparser").mkdir()
    (tmp_path / "httpparser" / "_version.py").write_text('__version__ = "1.2"\n')
    assert readme.repository() == (ADDRESS if urls else None)
    assert readme.for_index() == (f"[x]({ADDRESS}/blob/v1.2/x.md)" if urls else "[x](x.md)")


# What names this machine

FILES = {
    "a/path.so": b"\0/home/me/src/file.c\0",
    "a/index.txt": b"url = https://index.example:8080/simple",
    "a/host": b"built on box\n",
    "a/fine.txt": b"boxes of mybox and box-2; /home/mean/src; index.example2",
}
FOUND = {("a/path.so", "/home/me/"), ("a/index.txt", "index.example"), ("a/host", "box")}


def test_what_names_the_machine_is_found(tmp_path):
    wheel, sdist = tmp_path / "a.whl", tmp_path / "a.tar.gz"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    with tarfile.open(sdist, "w:gz") as archive:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    words = {"/home/me/", "index.example", "box"}
    assert set(check.leaks(wheel, words)) == set(check.leaks(sdist, words)) == FOUND


def test_folders_of_this_machine_are_looked_for():
    words = check.machine_words()
    assert f"{ROOT}/" in words
    assert f"{Path.home()}/" in words
    assert not words & {"", "localhost", "pypi.org"}


# The distribution


def test_one_version():
    assert version(check.NAME) == fastserve.__version__ == httpparser.__version__


def needed(**environment):
    """What a plain install needs in such an environment."""
    found = map(Requirement, requires(check.NAME) or ())
    given = {"extra": "", **environment}
    return {item.name for item in found if item.marker is None or item.marker.evaluate(given)}


def test_what_is_required():
    assert needed() >= {"click", "h11"}
    cpython = {"platform_python_implementation": "CPython"}
    assert "uvloop" in needed(sys_platform="linux", **cpython)
    assert "uvloop" in needed(sys_platform="darwin", **cpython)
    assert "uvloop" not in needed(sys_platform="win32", **cpython)
    assert "uvloop" not in needed(sys_platform="linux", platform_python_implementation="PyPy")


def test_everything_says_the_name_of_the_distribution():
    """On the index, `fastserve` and `httpparser` are other projects."""
    folders = ("docs", "examples", "httpparser", "server", "tests")
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for folder in folders:
        files += [
            path for suffix in ("md", "py", "pyx") for path in (ROOT / folder).rglob(f"*.{suffix}")
        ]
    wrong = re.compile(
        r"pip install[^\n]*\b(?:fastserve|httpparser)(?![\w-])(?![^\n]*fastserve-asgi)"
    )
    assert [path.name for path in files if wrong.search(path.read_text())] == []
