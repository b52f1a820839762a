"""The documentation site: it builds without a warning, its links lead somewhere, it needs no network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("material", reason="mkdocs-material is not installed (the group docs)")

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video)\b[^>]*\ssrc=["']?(?:https?:)?//[^\s>]+"""
    r"""|<link\b[^>]*\shref=["']?(?:https?:)?//[^\s>]+"""
    r"""|url\(["']?(?:https?:)?//[^)]+\)|@import[^;]+//[^;]+"""
)


def test_the_diagrams_are_current():
    import make_diagrams

    for name, made in make_diagrams.PICTURES.items():
        current = (make_diagrams.IMAGES / f"{name}.svg").read_text()
        assert current == made, "run: python docs/make_diagrams.py"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_the_site_has_its_pages(site):
    for page in ("index", "tutorial-chat", "repository/SECURITY", "api/httpparser"):
        assert (site / f"{page}.html").stat().st_size > 5_000


def test_the_site_fetches_nothing_from_elsewhere(site):
    pages = [*site.rglob("*.html"), *site.rglob("*.css"), *site.rglob("*.svg")]
    found = {path.name: FETCHED.findall(path.read_text()) for path in pages}
    assert {name: each for name, each in found.items() if each} == {}


def test_source_files_have_pages(site):
    assert "async" in (site / "repository" / "examples" / "hello.py.html").read_text()
