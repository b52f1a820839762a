"""The C libraries: fetched by hash, verified file by file, each file of nghttp2 compiled."""

import hashlib
import io
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "vendor"
UNIT = ROOT / "httpparser/http2/nghttp2_unit.c"
pin = SimpleNamespace(**runpy.run_path(str(VENDOR / "pin.py")))
SOURCE = b"int answer(void) { return 42; }\n"


def archive_with(files: dict[str, bytes], folder: Path) -> str:
    """A source distribution like ngh2's; returns its line for requirement.txt."""
    project = b'[build-system]\nrequires = []\nbuild-backend = "scikit_build_core.build"\n'
    told = b"Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n"
    path = folder / "carrier-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, data in {"pyproject.toml": project, "PKG-INFO": told, **files}.items():
            member = tarfile.TarInfo(f"carrier-1.0/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return f"carrier==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def pin_of(requirement: str, sums: dict[str, bytes], folder: Path) -> Path:
    made = folder / "lib1"
    made.mkdir()
    (made / "requirement.txt").write_text(requirement)
    rows = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sums.items()]
    (made / "SHA256SUMS").write_text("".join(rows))
    return made


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """pip sees the archives of this folder and nothing else."""
    shelf = tmp_path / "archives"
    shelf.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    return shelf


def test_fetches_without_the_archives_build_tools(offline, tmp_path):
    line = archive_with({"vendor/lib1/src/a.c": SOURCE, "vendor/lib1/unused.c": b""}, offline)
    folder = pin_of(line, {"src/a.c": SOURCE}, tmp_path)
    pin.place_sources(folder)
    assert (folder / "src/a.c").read_bytes() == SOURCE
    assert not (folder / "unused.c").exists()


def test_refuses_an_archive_of_another_hash(offline, tmp_path):
    line = archive_with({"vendor/lib1/a.c": SOURCE}, offline)
    folder = pin_of(line[:-5] + "0000\n", {"a.c": SOURCE}, tmp_path)
    with pytest.raises(SystemExit, match="lib1: its sources could not be downloaded"):
        pin.place_sources(folder)
    assert not (folder / "a.c").exists()


def test_says_what_the_archive_lacks(offline, tmp_path):
    folder = pin_of(archive_with({}, offline), {"a.c": SOURCE}, tmp_path)
    with pytest.raises(SystemExit, match=r"has no carrier-1\.0/vendor/lib1/a\.c"):
        pin.place_sources(folder)


def test_refuses_a_file_of_another_hash(tmp_path):
    folder = pin_of("", {"a.c": SOURCE}, tmp_path)
    (folder / "a.c").write_bytes(SOURCE + b"\n")
    with pytest.raises(SystemExit, match=r"a\.c has sha256 \w{64}, the pin says \w{64}"):
        pin.place_sources(folder)


def test_leaves_placed_sources_alone(monkeypatch):
    """An sdist builds without a network: its sources are verified, not fetched."""
    monkeypatch.setattr(subprocess, "run", None)
    header = VENDOR / "nghttp2/lib/includes/nghttp2/nghttp2ver.h"
    before = header.stat().st_mtime_ns
    pin.place()
    assert header.stat().st_mtime_ns == before


def test_version_header(tmp_path):
    folder = tmp_path / "lib/includes/nghttp2"
    folder.mkdir(parents=True)
    shutil.copy(VENDOR / "nghttp2/lib/includes/nghttp2/nghttp2ver.h.in", folder)
    pin.write_version_header(tmp_path)
    header = (folder / "nghttp2ver.h").read_text()
    assert '#define NGHTTP2_VERSION "1.70.0"\n' in header
    assert "#define NGHTTP2_VERSION_NUM 0x014600\n" in header


def test_unit_has_each_source_of_nghttp2():
    unit = UNIT.read_text()
    rows = (VENDOR / "nghttp2/SHA256SUMS").read_text().split()
    assert re.findall(r'#include ".*/nghttp2/(.*)"', unit) == [
        name for name in rows if name.endswith(".c")
    ]


def test_unit_sets_each_macro_that_the_sources_ask_for():
    """But those of Windows, and HAVE_CONFIG_H, in whose place they stand."""
    lib = VENDOR / "nghttp2/lib"
    asked = set(re.findall(r"\bHAVE_\w+", "".join(f.read_text() for f in lib.glob("*.[ch]"))))
    asked -= {"HAVE_CONFIG_H", "HAVE_WINDOWS_H", "HAVE_GETTICKCOUNT64"}
    unit = UNIT.read_text()
    assert set(re.findall(r"#define (HAVE_\w+) 1", unit)) == asked


@pytest.mark.skipif(sys.platform != "linux", reason="reads the symbol table with nm")
def test_other_copies_of_nghttp2_in_the_process_are_not_mixed_up():
    module = next((ROOT / "httpparser/http2").glob("_session*.so"), None)
    if module is None or shutil.which("nm") is None:
        pytest.skip("needs httpparser.http2._session and nm")
    symbols = subprocess.run(["nm", "-D", module], capture_output=True, text=True, check=True)
    assert "nghttp2_" not in symbols.stdout
