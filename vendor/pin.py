"""Place the C sources of llhttp and nghttp2 here, as pinned by SHA256SUMS; run by the build.

`python vendor/pin.py` does the same by hand. Sources that are already here (an sdist carries them)
are only verified, so that nothing is downloaded twice.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PINS = [HERE / "llhttp", HERE / "nghttp2"]
BACKENDS = HERE / "backends"  # what pip asks instead of an archive's own build tools
NGHTTP2_VERSION = "1.70.0"


def place() -> None:
    """Fetch what is missing and verify every file; SystemExit with one clear line on failure."""
    for pin in PINS:
        place_sources(pin)
    write_version_header(HERE / "nghttp2")


def place_sources(pin: Path) -> None:
    """The same for one pin, a folder with SHA256SUMS and requirement.txt."""
    sums = _sums(pin)
    if not all((pin / name).is_file() for name in sums):
        _fetch(pin, list(sums))
    for name, expected in sums.items():
        found = hashlib.sha256((pin / name).read_bytes()).hexdigest()
        if found != expected:
            raise SystemExit(
                f"{pin.name}: {pin / name} has sha256 {found}, the pin says {expected}: "
                "delete the file and build again; if it stays wrong, do not use it"
            )


def write_version_header(pin: Path) -> None:
    """Make nghttp2ver.h, which nghttp2's own build makes from the same template."""
    header = pin / "lib/includes/nghttp2/nghttp2ver.h"
    template = header.with_suffix(".h.in").read_text()
    number = "0x" + "".join(f"{int(part):02x}" for part in NGHTTP2_VERSION.split("."))
    text = template.replace("@PACKAGE_VERSION@", NGHTTP2_VERSION)
    text = text.replace("@PACKAGE_VERSION_NUM@", number)
    if not header.is_file() or header.read_text() != text:  # else nothing is compiled again
        header.write_text(text)


def _sums(pin: Path) -> dict[str, str]:
    rows = (line.split() for line in (pin / "SHA256SUMS").read_text().splitlines())
    return {name: digest for digest, name in rows}


def _fetch(pin: Path, names: list[str]) -> None:
    paths = [str(BACKENDS), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
        command += ["--dest", folder, "--requirement", str(pin / "requirement.txt")]
        if subprocess.run(command, env=environment).returncode != 0:
            raise SystemExit(
                f"{pin.name}: its sources could not be downloaded (pip's own message is above): "
                f"check the package index, or place the files that {pin / 'SHA256SUMS'} lists "
                "yourself"
            )
        (archive,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            root = archive.name.removesuffix(".tar.gz")
            for name in names:
                _unpack(tar, f"{root}/vendor/{pin.name}/{name}", pin / name)


def _unpack(tar: tarfile.TarFile, member: str, target: Path) -> None:
    try:
        source = tar.extractfile(member)
    except KeyError:
        source = None
    if source is None:
        raise SystemExit(f"{target}: the archive that the pin names has no {member}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read())


if __name__ == "__main__":
    place()
