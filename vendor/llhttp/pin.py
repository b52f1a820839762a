"""Place llhttp's C sources here, as pinned by SHA256SUMS; run by the build.

`python vendor/llhttp/pin.py` does the same by hand. Sources that are already here (an sdist
carries them) are only verified, so that nothing is downloaded twice.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENT = HERE / "requirement.txt"


def place() -> None:
    """Fetch what is missing and verify every file; SystemExit with one clear line on failure."""
    sums = _sums()
    if not all((HERE / name).is_file() for name in sums):
        _fetch(list(sums))
    for name, expected in sums.items():
        found = hashlib.sha256((HERE / name).read_bytes()).hexdigest()
        if found != expected:
            raise SystemExit(
                f"llhttp: {HERE / name} has sha256 {found}, the pin says {expected}: "
                "delete the file and build again; if it stays wrong, do not use it"
            )


def _sums() -> dict[str, str]:
    rows = (line.split() for line in (HERE / "SHA256SUMS").read_text().splitlines())
    return {name: digest for digest, name in rows}


def _fetch(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
        command += ["--dest", folder, "--requirement", str(REQUIREMENT)]
        if subprocess.run(command).returncode != 0:
            raise SystemExit(
                "llhttp: its sources could not be downloaded (pip's own message is above): check "
                f"the package index, or place the files that {HERE / 'SHA256SUMS'} lists yourself"
            )
        (archive,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            root = archive.name.removesuffix(".tar.gz")
            for name in names:
                member = tar.extractfile(f"{root}/vendor/llhttp/{name}")
                if member is None:
                    raise SystemExit(f"llhttp: {archive.name} has no vendor/llhttp/{name}")
                target = HERE / name
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(member.read())


if __name__ == "__main__":
    place()
